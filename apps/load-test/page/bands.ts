/** What was done to the system, from one second to another. */
interface Band {
  readonly from: number
  readonly to: number
  readonly kind: string
}

function readBands(): readonly Band[] {
  return [...document.querySelectorAll<HTMLElement>('.bands li')].map(({ dataset }) => ({
    from: Number(dataset.from),
    to: Number(dataset.to),
    kind: dataset.kind ?? '',
  }))
}

/** Behind the lines; the numbers are those of the list below the charts. */
function drawBands(chart: uPlot, bands: readonly Band[]): void {
  const { ctx, bbox } = chart
  const unit = devicePixelRatio
  const taken: number[] = []
  ctx.save()
  ctx.font = `600 ${11 * unit}px system-ui, sans-serif`
  ctx.textAlign = 'center'
  ctx.textBaseline = 'middle'
  for (const [index, { from, to, kind }] of bands.entries()) {
    const left = chart.valToPos(from, 'x', true)
    const width = Math.max(chart.valToPos(to, 'x', true) - left, 2 * unit)
    const isLoss = kind === 'kill' || kind === 'outage'
    ctx.fillStyle = colour(isLoss ? 'band-loss' : 'band')
    ctx.fillRect(left, bbox.top, width, bbox.height)
    ctx.fillStyle = colour(isLoss ? 'bad' : 'quiet')
    ctx.fillRect(left, bbox.top, unit, bbox.height)

    const text = String(index + 1)
    const half = (ctx.measureText(text).width + 8 * unit) / 2
    // Beside the number before it, where two would lie on each other.
    const x = Math.max(left + half, (taken.at(-1) ?? 0) + half + unit)
    taken.push(x + half)
    ctx.beginPath()
    ctx.roundRect(x - half, bbox.top, 2 * half, 15 * unit, 3 * unit)
    ctx.fill()
    ctx.fillStyle = colour('card')
    ctx.fillText(text, x, bbox.top + 8 * unit)
  }
  ctx.restore()
}
