import type { JSX } from 'preact'
import { usePage } from './page.ts'

/** The notices. In every dialog, too: while one is open, nothing outside of it is read out or can be put away. */
export function NoticeList(): JSX.Element {
  const { notices } = usePage()
  return (
    <div class="notices" role="log" aria-live="polite" aria-label="What became of it">
      {notices.shown.value.map(({ id, kind, text }) => (
        <p key={id} class={`notice ${kind}`}>
          <span class="notice-text">{text}</span>
          <button type="button" class="plain" aria-label="Put away" onClick={() => notices.remove(id)}>
            ✕
          </button>
        </p>
      ))}
    </div>
  )
}
