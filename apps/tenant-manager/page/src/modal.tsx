import type { ComponentChildren, JSX } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { NoticeList } from './notice-list.tsx'

export interface ModalProps {
  readonly title: ComponentChildren
  readonly kind?: 'panel' | 'small'
  /** Undefined: it cannot be put away. */
  readonly onClose: (() => void) | undefined
  readonly children: ComponentChildren
}

/** A dialog above the page. The browser keeps the focus inside, and gives it back afterwards. */
export function Modal({ title, kind = 'small', onClose, children }: ModalProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()

  useLayoutEffect(() => {
    const element = dialog.current
    const before = document.activeElement
    element?.showModal()
    // By itself, the browser would choose the button that closes it. Where nothing is to be typed, reading begins.
    const first = element?.querySelector<HTMLElement>('[data-first]') ?? element?.querySelector('h2')
    first?.focus()
    return () => {
      // While it is open, nothing outside of it can take the focus back.
      element?.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true })
    }
  }, [])

  return (
    <dialog
      ref={dialog}
      class={kind}
      aria-labelledby={titleId}
      onCancel={(event) => {
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        onClose?.()
      }}
      // Browsers close a dialog on the second Esc, whatever is said to the first. One that is gone has been closed.
      onClose={(event) => {
        if (event.target !== event.currentTarget || !event.currentTarget.isConnected) return
        if (onClose) onClose()
        else dialog.current?.showModal()
      }}
    >
      <header>
        <h2 id={titleId} tabIndex={-1}>
          {title}
        </h2>
        {onClose && (
          <button type="button" class="plain close" aria-label="Close" onClick={onClose}>
            ✕
          </button>
        )}
      </header>
      {children}
      <NoticeList />
    </dialog>
  )
}
