import type { Token } from '@tenantry/core'
import { type Html, html } from './html.ts'
import { pageStyle } from './page-style.ts'
import type { Product, Tenant } from './tenant.ts'

/** What a page shows, beside the tenant: by whom, and by which generation of the tenant, it was made. */
export interface PageContext {
  readonly token: Token
  readonly builtAt: Date
  readonly replica: string
  readonly now: Date
  /** Allows the page's style under the content security policy; new for every response. */
  readonly nonce: string
}

/** The policy that goes with a page: its own style and an icon inside it, nothing from anywhere. */
export function contentSecurityPolicy(nonce: string): string {
  return [
    `default-src 'none'; style-src 'nonce-${nonce}'; img-src data:`,
    `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  ].join('; ')
}

/** The product page of one tenant. */
export function renderPage(tenant: Tenant, context: PageContext): string {
  const { name, tagline, products = [] } = tenant
  const logo = (tenant.logo ?? [...name][0] ?? '').toWellFormed()
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name}</title>
<link rel="icon" href="${icon(logo)}">
<style nonce="${context.nonce}">${pageStyle(tenant.theme, context.token)}</style>
</head>
<body>
<header>
<span class="logo" aria-hidden="true">${logo}</span>
<span class="name">${name}</span>
</header>
<main>
<h1>${tagline ?? `Welcome to ${name}`}</h1>
${products.length > 0 ? html`<ul class="products">${products.map(card)}</ul>` : undefined}
</main>
<footer>${origin(context)}</footer>
</body>
</html>
`.markup
}

function card({ name, text, price }: Product): Html {
  return html`
<li>
<h2>${name}</h2>
${text && html`<p>${text}</p>`}
${price && html`<p class="price">${price}</p>`}
</li>`
}

/** Which replica, token and build this page comes from: what changes when the tenant is restarted. */
function origin({ token, builtAt, replica, now }: PageContext): Html {
  const time = builtAt.toISOString()
  return html`<dl>
<div><dt>Replica</dt><dd>${replica}</dd></div>
<div><dt>Token</dt><dd><span class="token" title="${token}">${shorten(token)}</span></dd></div>
<div><dt>Built</dt><dd><time datetime="${time}">${time.slice(11, 19)} UTC, ${ago(now.getTime() - builtAt.getTime())}</time></dd></div>
</dl>`
}

function shorten(token: Token): string {
  return token.length > 10 ? `${token.slice(0, 8)}…` : token
}

function ago(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 2) return 'just now'
  if (seconds < 120) return `${seconds} seconds ago`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} minutes ago`
  return `${Math.floor(seconds / 3600)} hours ago`
}

/** The logo as an icon that needs no request of its own. */
function icon(logo: string): string {
  const svg = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><text x="50" y="50" text-anchor="middle" dominant-baseline="central" font-size="80">${logo}</text></svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg.markup)}`
}
