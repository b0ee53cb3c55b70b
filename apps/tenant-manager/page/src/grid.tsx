import { useComputed, useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { densityOf, headNames } from './density.ts'
import { GridHead } from './grid-head.tsx'
import { move } from './keys.ts'
import { mainHostname } from './main-hostname.ts'
import { usePage } from './page.ts'
import { Row } from './row.tsx'
import { siteUrl } from './site-url.ts'
import type { Position } from './view-state.ts'

/** Rows beyond the edges that are kept, so that a quick scroll does not show the ground. */
const OVERSCAN = 6

/** Tenants down, replicas across. Only the rows that can be seen are in the document. */
export function Grid(): JSX.Element {
  const page = usePage()
  const { board, view, actions } = page
  const scroller = useRef<HTMLDivElement>(null)
  const takeFocus = useRef(false)
  const first = useSignal(0)
  const last = useSignal(30)
  /** In rem. */
  const width = useSignal(0)
  const ids = useComputed(() => view.shown.value.map(({ id }) => id))
  const density = useComputed(() => densityOf(width.value, board.replicas.value.length))
  // Not anew with every step of a scroll: the head would render with it.
  const names = useComputed(() =>
    headNames(
      board.replicas.value.map(({ replica }) => replica),
      density.value,
    ),
  )

  useLayoutEffect(() => {
    measure()
    const observer = new ResizeObserver(measure)
    if (scroller.current) observer.observe(scroller.current)
    return () => observer.disconnect()
  }, [])

  const active = view.active.value
  const shown = ids.value
  const activeIndex = active === undefined ? -1 : shown.indexOf(active.id)
  // The keyboard has to have one place in the grid to come back to.
  const entry = activeIndex < 0 ? { id: shown[0], column: 1 } : (active as Position)

  // Before the next key comes: it is told of the cell that has the focus.
  useLayoutEffect(() => {
    if (!takeFocus.current || active === undefined) return
    takeFocus.current = false
    reveal(activeIndex)
    cellAt(active)?.focus({ preventScroll: true })
    cellAt(active)?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  })

  const visible = visibleIndexes(shown.length)
  return (
    <div
      ref={scroller}
      class="scroller"
      onScroll={measure}
      onPointerOver={point}
      onPointerLeave={() => {
        view.pointed.value = undefined
      }}
    >
      <table
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a grid is a table that the keys move in
        role="grid"
        aria-label="Tenants and replicas"
        aria-rowcount={shown.length + 1}
        aria-colcount={names.value.length + 3}
        aria-multiselectable="true"
        class={`grid ${density.value}`}
        style={{
          '--replicas': names.value.length,
          '--rows': shown.length,
          '--longest': Math.max(0, ...names.value.map(({ length }) => length)),
        }}
        onClick={click}
        onKeyDown={keyDown}
        onFocusIn={focusIn}
      >
        <GridHead names={names.value} />
        <tbody>
          {visible.map((index) => {
            const id = shown[index] as string
            return (
              <Row key={id} id={id} index={index} activeColumn={entry.id === id ? entry.column : undefined} />
            )
          })}
        </tbody>
      </table>
    </div>
  )

  function visibleIndexes(count: number): number[] {
    const from = Math.max(0, Math.min(first.value, count - 1) - OVERSCAN)
    const to = Math.min(count, last.value + OVERSCAN)
    const indexes = Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at)
    // The row that the keyboard is on stays, wherever it is, or the focus would be lost with it.
    if (activeIndex >= 0 && activeIndex < from) indexes.unshift(activeIndex)
    if (activeIndex >= to) indexes.push(activeIndex)
    return indexes
  }

  function measure(): void {
    const { current } = scroller
    if (current === null) return
    const height = rowHeight(current)
    first.value = Math.floor(current.scrollTop / height)
    last.value = Math.ceil((current.scrollTop + current.clientHeight) / height)
    width.value = current.clientWidth / Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
  }

  /** Scrolls so that the row is in sight, below the head. */
  function reveal(index: number): void {
    const { current } = scroller
    if (current === null || index < 0) return
    const height = rowHeight(current)
    const head = current.querySelector('thead')?.clientHeight ?? 0
    const top = index * height
    if (top < current.scrollTop) current.scrollTop = top
    else if (top + height + head > current.scrollTop + current.clientHeight)
      current.scrollTop = top + height + head - current.clientHeight
    measure()
  }

  function cellAt({ id, column }: Position): HTMLElement | null | undefined {
    return scroller.current?.querySelector<HTMLElement>(
      `[data-id="${CSS.escape(id)}"] > [data-column="${column}"]`,
    )
  }

  function click(event: MouseEvent): void {
    const position = positionOf(event.target)
    if (position === undefined) return
    const { id, column } = position
    view.active.value = position
    if (column === 0) {
      // The state is the selection's, also where the browser has ticked the box already.
      if (event.shiftKey) view.selectTo(id)
      else view.toggle(id)
    }
    // A link goes where it leads; and who has marked a text, to copy it, has not clicked.
    else if ((event.target as Element).closest('a') === null && getSelection()?.type !== 'Range')
      view.dialog.value = { kind: 'tenant', id }
  }

  function keyDown(event: KeyboardEvent): void {
    const screenful = Math.max(1, last.value - first.value - 3)
    const target = event.altKey ? undefined : move(event, { page, screenful })
    if (target) {
      takeFocus.current = true
      view.active.value = { ...target }
      event.preventDefault()
      return
    }
    const position = positionOf(event.target)
    if (position && act(event, position.id)) event.preventDefault()
  }

  function act(event: KeyboardEvent, id: string): boolean {
    if (event.altKey) return false
    if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
      view.selectShown(true)
      return true
    }
    if (event.ctrlKey || event.metaKey) return false
    switch (event.key) {
      case ' ':
        if (event.shiftKey) view.selectTo(id)
        else view.toggle(id)
        return true
      case 'Enter':
        view.dialog.value = { kind: 'tenant', id }
        return true
      case 'r': {
        const selected = view.selected.value
        actions.askToRestart(selected.length > 0 ? selected : [id])
        return true
      }
      case 'o': {
        const url = siteUrl(mainHostname(board.tenant(id)?.hostnames ?? []) ?? '', board.sites)
        if (url) open(url, '_blank', 'noopener')
        return true
      }
      default:
        return false
    }
  }

  function focusIn(event: FocusEvent): void {
    const position = positionOf(event.target)
    const { id, column } = view.active.value ?? {}
    if (position && (position.id !== id || position.column !== column)) view.active.value = position
  }

  function point(event: PointerEvent): void {
    view.pointed.value = positionOf(event.target)
  }
}

function positionOf(target: EventTarget | null): Position | undefined {
  const cell = target instanceof Element ? target.closest<HTMLElement>('[data-column]') : null
  const id = cell?.closest<HTMLElement>('[data-id]')?.dataset.id
  return cell && id !== undefined ? { id, column: Number(cell.dataset.column) } : undefined
}

function rowHeight(scroller: HTMLElement): number {
  return Number.parseFloat(getComputedStyle(scroller).getPropertyValue('--row-height'))
}
