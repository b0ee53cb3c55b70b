/** Numbers as people read them, the same in the table and on the page. */
const DIGITS = [0, 1, 2].map(
  (digits) =>
    new Intl.NumberFormat('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
)

/** "1,204,331" */
export function count(number: number): string {
  return decimal(number, 0)
}

/** "1 restart", "2 restarts" */
export function counted(number: number, one: string, many: string = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`
}

/** "0.43 ms", "8.1 ms", "1,240 ms" */
export function milliseconds(ms: number): string {
  return `${scaled(ms)} ms`
}

/** "59.8 s" */
export function seconds(number: number): string {
  return `${decimal(number, 1)} s`
}

/** "12.4 %"; "0 %" is told of nothing at all only. */
export function percent(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0 %'
  const share = (100 * part) / whole
  return share < 0.1 ? 'less than 0.1 %' : `${decimal(share, share < 99.95 ? 1 : 0)} %`
}

/** With as many decimals as matter: "0.43", "8.1", "1,240". */
export function scaled(number: number): string {
  if (number === 0) return '0'
  return decimal(number, number < 0.995 ? 2 : number < 99.5 ? 1 : 0)
}

function decimal(number: number, digits: 0 | 1 | 2): string {
  return Number.isFinite(number) ? (DIGITS[digits] as Intl.NumberFormat).format(number) : 'unknown'
}
