import type { Token } from '@tenantry/core'
import { Html } from './html.ts'
import type { Theme } from './tenant.ts'

const DEFAULT_THEME: Theme = { accent: '#4f46e5', second: '#7c3aed' }

/**
 * The page's style. A stylesheet has no escaping that would hold everywhere, so nothing enters this one but
 * colours that were checked when the tenant was read, and numbers.
 */
export function pageStyle(theme: Theme = DEFAULT_THEME, token: Token): Html {
  const { accent, second = accent } = theme
  return new Html(
    `:root{--accent:${accent};--second:${second};--ink-on-accent:${inkOn(accent, second)};--hue:${hueOf(token)}}${STYLE}`,
  )
}

/** Black or white, whichever can be read more easily on the worse of these colours. */
function inkOn(...colours: readonly string[]): string {
  const luminances = colours.map(luminance)
  const white = 1.05 / (Math.max(...luminances) + 0.05)
  const black = (Math.min(...luminances) + 0.05) / 0.05
  return white >= black ? '#fff' : '#000'
}

/** The relative luminance that WCAG's contrast ratio is made of. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** A colour for a token, so that two tokens can be told apart at a glance: its angle on the colour wheel. */
function hueOf(token: Token): number {
  let hash = 0
  for (const character of token) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0
  // The golden angle takes tokens that differ little far apart.
  return Math.round((hash * 137.508) % 360)
}

const STYLE = `
:root{color-scheme:light dark;--paper:color-mix(in oklab,var(--accent) 4%,#fff);--card:#fff;--ink:#17181c;
--quiet:#5b5e68;--line:color-mix(in oklab,var(--accent) 14%,#e4e4ea);--strong:color-mix(in oklab,var(--accent) 55%,#000)}
@media (prefers-color-scheme:dark){:root{--paper:color-mix(in oklab,var(--accent) 7%,#0e0f12);
--card:color-mix(in oklab,var(--accent) 8%,#17181d);--ink:#eeeef2;--quiet:#a2a5b0;
--line:color-mix(in oklab,var(--accent) 20%,#2a2c33);--strong:color-mix(in oklab,var(--accent) 55%,#fff)}}
*{box-sizing:border-box;margin:0}
body{min-height:100vh;display:flex;flex-direction:column;gap:2rem;max-width:64rem;margin:0 auto;
padding:clamp(1rem,4vw,2.5rem);background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
header{display:flex;align-items:center;gap:.75rem}
.logo{display:grid;place-items:center;flex:none;width:2.75rem;height:2.75rem;border-radius:.8rem;overflow:hidden;
background:var(--card);border:1px solid var(--line);font-size:1.5rem;font-weight:700;line-height:1}
.name{font-size:1.25rem;font-weight:650;letter-spacing:-.01em}
main{flex:1;display:flex;flex-direction:column;gap:1.5rem}
h1{padding:clamp(2rem,9vw,5.5rem) clamp(1.5rem,6vw,4rem);border-radius:1.5rem;color:var(--ink-on-accent);
background:linear-gradient(120deg,var(--accent),var(--second));font-size:clamp(1.75rem,5.5vw,3.25rem);
font-weight:700;line-height:1.1;letter-spacing:-.025em;text-wrap:balance}
.products{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(15rem,100%),1fr));gap:1rem;padding:0;list-style:none}
.products li{display:flex;flex-direction:column;gap:.5rem;padding:1.5rem;border:1px solid var(--line);
border-radius:1.1rem;background:var(--card)}
h2{font-size:1.1rem;font-weight:650;line-height:1.3}
li p{color:var(--quiet)}
li .price{margin-top:auto;padding-top:.5rem;color:var(--strong);font-weight:650}
footer{border-top:1px solid var(--line);padding-top:1.25rem;color:var(--quiet);font-size:.875rem}
dl{display:flex;flex-wrap:wrap;gap:.5rem 2rem}
dl div{display:flex;gap:.5rem}
dd{color:var(--ink);font-variant-numeric:tabular-nums}
.token{font-family:ui-monospace,monospace}
.token::before{content:"";display:inline-block;width:.7em;height:.7em;margin-right:.45em;border-radius:50%;
background:hsl(var(--hue) 75% 50%)}
`
