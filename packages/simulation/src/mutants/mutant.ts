import type { Temper } from '../temper.ts'
import type { Promised } from '../violation.ts'

/** One rule of the real code, broken by replacing text in the built files. */
export interface Mutant {
  /** What the code does now. */
  readonly name: string
  /** The rule or the promise of DESIGN.md that this breaks. */
  readonly breaks: string
  readonly package: 'core' | 'authority'
  /** In the package's `dist`. */
  readonly file: string
  /** Each `[from, to]`; `from` is there just once, whatever the white space in it. */
  readonly edits: readonly (readonly [from: string, to: string])[]
  /** In which worlds it is looked for. */
  readonly world: 'core' | 'whole'
  /** What these worlds are like, where it takes long to find in others. */
  readonly temper?: Partial<Temper> | undefined
  /** By which promise it is to be caught: any of these. */
  readonly caughtBy: readonly Promised[]
}
