import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { charts } from './report/charts.ts'
import { Html, html } from './report/html.ts'
import { findings, head, replicas, run, summary } from './report/sections.ts'
import { verdictOf } from './report/verdict.ts'
import type { Results } from './results.ts'

/** Where `page/build.js` puts them; the same from `src` and from `dist`. */
const script = readAsset('report.js')
const style = readAsset('report.css')

/** The page may run its own script and have its own style, and asks nobody for anything. */
const POLICY = [
  "default-src 'none'",
  `script-src '${digest(script)}'`,
  `style-src '${digest(style)}'`,
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' " +
  "rx='4' fill='%233b4cca'/%3E%3Cg fill='%23fff'%3E%3Crect x='3' y='3.5' width='10' height='2' rx='1' " +
  "fill-opacity='.5'/%3E%3Crect x='3' y='7' width='10' height='2' rx='1'/%3E%3Crect x='3' y='10.5' width='6' " +
  "height='2' rx='1' fill-opacity='.5'/%3E%3C/g%3E%3C/svg%3E"

/**
 * Results as one HTML file that can be sent to somebody: it needs nothing else, no network either. Without scripts it
 * shows tables instead of the charts.
 */
export function htmlReport(results: Results): string {
  const { counts } = verdictOf(results)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${counts} · Tenantry load test</title>
<link rel="icon" href="${ICON}">
<style>${new Html(style)}</style>
</head>
<body>
${head(results)}
<main>
${findings(results)}
${charts(results)}
${summary(results)}
${replicas(results)}
${run(results)}
</main>
<footer>Charts by <a href="https://github.com/leeoniya/uPlot">uPlot</a>, whose licence is in this file.</footer>
<script type="module">${new Html(script)}</script>
</body>
</html>
`.markup
}

function readAsset(name: string): string {
  return readFileSync(new URL(`../dist/page/${name}`, import.meta.url), 'utf8')
}

function digest(source: string): string {
  return `sha256-${createHash('sha256').update(source).digest('base64')}`
}
