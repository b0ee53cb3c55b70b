/** A colour of the stylesheet as it is just now: light and dark have their own. */
function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/** How charts write, in CSS pixels. */
const FONT = '12px system-ui, sans-serif'
