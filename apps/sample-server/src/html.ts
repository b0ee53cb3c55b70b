/** Markup that may be sent as it is. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

/** What a template may hold: text (escaped), markup, and lists of these; undefined leaves nothing behind. */
export type Content = string | number | undefined | Html | readonly Content[]

/**
 * Makes markup. Whatever is interpolated is escaped, for text and for quoted attributes alike, unless it is
 * markup itself.
 */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(strings.reduce((markup, string, index) => markup + render(contents[index - 1]) + string))
}

function render(content: Content): string {
  if (content === undefined) return ''
  if (content instanceof Html) return content.markup
  if (typeof content === 'object') return content.map(render).join('')
  return String(content).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
