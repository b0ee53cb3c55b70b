import type { JSX } from 'preact'
import { useId, useRef } from 'preact/hooks'
import type { ConfigCheck, PlacedProblem } from './config-check.ts'
import { ConfigHelp } from './config-help.tsx'
import { configSchema } from './config-schema.ts'

export interface ConfigEditorProps {
  readonly check: ConfigCheck
  readonly readOnly: boolean
}

/** A configuration as text, with line numbers, and what is wrong with it as it is typed. */
export function ConfigEditor({ check, readOnly }: ConfigEditorProps): JSX.Element {
  const area = useRef<HTMLTextAreaElement>(null)
  const gutter = useRef<HTMLDivElement>(null)
  const id = useId()
  const problems = check.problems.value
  const text = check.text.value
  const wrong = new Set(problems.map(({ line }) => line))
  const lines = text.split('\n').length
  return (
    <div class="config">
      <label for={id}>Configuration</label>
      {configSchema.value === null && (
        <small class="quiet">Not checked: this manager was given no schema.</small>
      )}
      <div class={problems.length > 0 ? 'editor invalid' : 'editor'}>
        <div class="gutter" ref={gutter} aria-hidden="true">
          {Array.from({ length: lines }, (_, at) => (
            <span key={at} class={wrong.has(at + 1) ? 'number wrong' : 'number'}>
              {at + 1}
            </span>
          ))}
        </div>
        <textarea
          id={id}
          ref={area}
          value={text}
          readOnly={readOnly}
          rows={Math.min(Math.max(lines + 1, 8), 24)}
          wrap="off"
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          aria-invalid={problems.length > 0}
          aria-describedby={`${id}-problems`}
          onInput={(event) => {
            check.text.value = event.currentTarget.value
          }}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop
          }}
        />
      </div>
      <ul class="problems" id={`${id}-problems`} aria-live="polite">
        {problems.slice(0, 20).map((problem) => (
          <li key={`${problem.offset} ${problem.message}`}>
            <button type="button" class="plain" onClick={() => show(problem)}>
              Line {problem.line}, column {problem.column}
            </button>{' '}
            <span>{problem.message}</span>
          </li>
        ))}
      </ul>
      <ConfigHelp />
    </div>
  )

  function show({ offset }: PlacedProblem): void {
    const end = text.indexOf('\n', offset)
    area.current?.focus()
    area.current?.setSelectionRange(offset, end < 0 ? text.length : end)
  }
}
