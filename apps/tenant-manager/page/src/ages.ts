import { type Signal, signal } from '@preact/signals'

/** How often ages are told anew. More often than this, nobody looks; and every cell on the screen tells its age. */
const EVERY_MS = 5000

/** The time of the page, by `Date.now()`. */
const now: Signal<number> = signal(Date.now())

/** Lets the page's time go on. */
export function startClock(): void {
  setInterval(() => {
    now.value = Date.now()
  }, EVERY_MS)
}

/** How long ago that was, as people say it. */
export function ago(time: string, at: number = Math.max(now.value, Date.now())): string {
  const seconds = Math.floor((at - Date.parse(time)) / 1000)
  if (seconds < 2) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86_400)} d ago`
}

/** The moment itself, for whoever asks. */
export function moment(time: string): string {
  return new Date(time).toLocaleString()
}
