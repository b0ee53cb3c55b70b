/** A column of the table that a chart is drawn from. */
interface Column {
  readonly name: string
  /** Undefined: it is not drawn. */
  readonly look: string | undefined
  /** As people read them. */
  readonly texts: readonly string[]
  /** Null: not a number. */
  readonly values: (number | null)[]
}

function readColumns(figure: HTMLElement): readonly Column[] {
  const rows = [...figure.querySelectorAll('tbody tr')].map((row) => [...row.querySelectorAll('td')])
  return [...figure.querySelectorAll<HTMLElement>('thead th')].map((head, index) => {
    const texts = rows.map((cells) => cells[index]?.textContent ?? '')
    return { name: head.textContent, look: head.dataset.look, texts, values: texts.map(numberIn) }
  })
}

function numberIn(text: string): number | null {
  const number = Number.parseFloat(text.replaceAll(',', ''))
  return Number.isNaN(number) ? null : number
}
