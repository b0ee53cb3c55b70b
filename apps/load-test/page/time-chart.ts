/** Restarts are bars in so much of the height, below the lines. */
const BARS_SHARE = 0.13

const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** A chart over the seconds of the run, with what was done to it as numbered bands. */
function drawTimeChart(figure: HTMLElement, bands: readonly Band[]): void {
  const [at, ...rest] = readColumns(figure)
  if (at === undefined) throw new Error(`Expected columns in ${figure.id}, got none`)
  const columns = rest.filter(({ look }) => look !== undefined)
  const end = Math.max(...at.values.map((value) => value ?? 0), ...bands.map(({ to }) => to))
  const isLogarithmic = figure.dataset.log !== undefined

  drawChart(figure, {
    height: 260,
    columns,
    data: [
      at.values.map((value) => value ?? 0),
      ...columns.map(({ values }) => (isLogarithmic ? values.map((value) => value || null) : values)),
    ],
    series: columns.map(({ look }) => seriesOf(look)),
    scales: {
      x: { time: false, range: () => [0, end] },
      y: isLogarithmic
        ? { distr: 3, range: (_chart, low, high) => uPlot.rangeLog(low / 3, high * 1.5, 10, false) }
        : // Room above the lines, for the numbers of the bands and the marks.
          { range: (_chart, _low, high) => [0, high > 0 ? high * 1.25 : 1] },
      bars: { range: (_chart, _low, high) => [0, Math.max(1, high) / BARS_SHARE] },
      marks: { range: () => [0, 1] },
    },
    axes: [
      axis({
        size: 26,
        space: 60,
        incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200],
        values: (_chart, splits) => splits.map((second) => clock(second, end)),
      }),
      axis({
        size: 52,
        values: (_chart, splits) => splits.map((value) => numbered(value)),
        ...(isLogarithmic ? { grid: { ...GRID, filter: (_chart, splits) => splits.map(powerOfTen) } } : {}),
      }),
    ],
    hooks: {
      drawAxes: [(chart) => drawBands(chart, bands)],
      draw: [(chart) => drawMarks(chart, columns)],
    },
    syncKey: 'time',
    place: (index) => `${at.texts[index]} s`,
  })
}

function seriesOf(look: string | undefined): uPlot.Series {
  const noPoints = { points: { show: false } }
  // Of a short run, which has hardly a line.
  const points = { points: { size: 5, space: 40 } }
  if (look === 'area') {
    return { ...points, stroke: () => colour('area'), fill: () => colour('area-fill'), width: 2 }
  }
  if (look === 'line') return { ...points, stroke: () => colour('line-1'), width: 2 }
  if (look === 'dashed') return { ...points, stroke: () => colour('line-2'), width: 2, dash: [6, 4] }
  if (look === 'bars') {
    // What is told of a second is told at its end.
    const paths = uPlot.paths.bars?.({ size: [0.5, 8, 1], align: -1 })
    return { ...noPoints, scale: 'bars', fill: () => colour('bars'), width: 0, ...(paths ? { paths } : {}) }
  }
  // A mark: drawn apart, since it says that there was something, not how much.
  return { ...noPoints, scale: 'marks', paths: () => null, width: 0, auto: false }
}

/** A mark above each second in which something failed, was stale, or was old and allowed to be: a row for each. */
function drawMarks(chart: uPlot, columns: readonly Column[]): void {
  const { ctx, bbox } = chart
  const unit = devicePixelRatio
  const marks = columns.filter(({ look }) => look === 'cross' || look === 'triangle' || look === 'old')
  ctx.save()
  ctx.lineWidth = 1.5 * unit
  for (const [row, { look, values }] of marks.entries()) {
    const y = bbox.top + (24 + row * 13) * unit
    ctx.strokeStyle = ctx.fillStyle = colour(look === 'old' ? 'old' : 'bad')
    for (const [index, value] of values.entries()) {
      if (value === null || value === 0) continue
      const x = chart.valToPos(chart.data[0][index] ?? 0, 'x', true)
      ctx.beginPath()
      if (look === 'cross') strokeCross(ctx, { x, y, size: 4 * unit })
      else if (look === 'old') ctx.arc(x, y, 3.5 * unit, 0, 2 * Math.PI)
      else fillTriangle(ctx, { x, y, size: 5 * unit })
      ctx.stroke()
    }
  }
  ctx.restore()
}

interface Mark {
  readonly x: number
  readonly y: number
  readonly size: number
}

function strokeCross(ctx: CanvasRenderingContext2D, { x, y, size }: Mark): void {
  ctx.moveTo(x - size, y - size)
  ctx.lineTo(x + size, y + size)
  ctx.moveTo(x + size, y - size)
  ctx.lineTo(x - size, y + size)
}

function fillTriangle(ctx: CanvasRenderingContext2D, { x, y, size }: Mark): void {
  ctx.moveTo(x, y - size)
  ctx.lineTo(x + size, y + size)
  ctx.lineTo(x - size, y + size)
  ctx.closePath()
  ctx.fill()
}

/** "0:30"; of a short run "30 s". */
function clock(second: number, end: number): string {
  if (end <= 120) return `${second} s`
  return `${Math.floor(second / 60)}:${String(Math.round(second % 60)).padStart(2, '0')}`
}

function powerOfTen(value: number): number | null {
  return Number.isInteger(Math.log10(value)) ? value : null
}

/** Of a logarithmic axis, uPlot passes null for what is to stay without a number. */
function numbered(value: number | null): string {
  return value === null ? '' : compact.format(value)
}
