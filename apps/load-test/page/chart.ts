/** What differs between charts. */
interface ChartOptions {
  readonly height: number
  /** The drawn columns, after the first. */
  readonly columns: readonly Column[]
  readonly data: uPlot.AlignedData
  readonly series: readonly uPlot.Series[]
  readonly scales: uPlot.Scales
  readonly axes: uPlot.Axis[]
  readonly hooks: uPlot.Hooks.Arrays
  /** Charts of one key show the same place. */
  readonly syncKey?: string
  /** Names a place along the horizontal axis. */
  readonly place: (index: number) => string
}

/** Draws a figure's chart; it goes with the width of the page and with its colours, and can be read by keyboard. */
function drawChart(figure: HTMLElement, options: ChartOptions): void {
  const plot = figure.querySelector<HTMLElement>('.plot')
  const legend = figure.querySelector<HTMLElement>('.legend')
  if (plot === null || legend === null) throw new Error(`Expected .plot and .legend in ${figure.id}`)
  plot.hidden = false
  legend.hidden = false
  const chart = new uPlot(
    {
      width: plot.clientWidth,
      height: options.height,
      padding: [12, 16, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        points: { size: 8 },
        ...(options.syncKey === undefined ? {} : { sync: { key: options.syncKey } }),
      },
      scales: options.scales,
      axes: options.axes,
      series: [{}, ...options.series],
      hooks: { ...options.hooks, setCursor: [(chart) => read(chart.cursor.idx ?? undefined)] },
    },
    options.data,
    plot,
  )
  const last = options.data[0].length - 1
  plot.role = 'slider'
  plot.tabIndex = 0
  plot.ariaLabel = `${figure.querySelector('h3')?.firstChild?.textContent?.trim()}: a place in the chart`
  plot.ariaValueMin = '0'
  plot.ariaValueMax = String(last)
  read(undefined)

  new ResizeObserver(() => {
    if (plot.clientWidth > 0) chart.setSize({ width: plot.clientWidth, height: options.height })
  }).observe(plot)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.redraw(false, true))
  plot.addEventListener('keydown', (event) => {
    const index = placeOf(event.key, chart.cursor.idx ?? undefined)
    if (index === undefined) return
    event.preventDefault()
    const x = options.data[0][Math.min(Math.max(index, 0), last)] ?? 0
    chart.setCursor({ left: chart.valToPos(x, 'x'), top: 1 })
  })
  plot.addEventListener('blur', () => chart.setCursor({ left: -10, top: -10 }))

  function placeOf(key: string, index: number | undefined): number | undefined {
    const far = Math.max(1, Math.round(last / 10))
    if (key === 'Home') return 0
    if (key === 'End') return last
    if (key === 'ArrowRight' || key === 'ArrowUp') return (index ?? -1) + 1
    if (key === 'ArrowLeft' || key === 'ArrowDown') return (index ?? last + 1) - 1
    if (key === 'PageUp') return (index ?? 0) + far
    if (key === 'PageDown') return (index ?? last) - far
    return undefined
  }

  /** Says what is at a place, in the legend and to whoever does not see it. */
  function read(index: number | undefined): void {
    const texts = options.columns.map(({ texts }) => (index === undefined ? '' : (texts[index] ?? '')))
    const place = index === undefined ? '' : options.place(index)
    const at = legend?.querySelector('.at')
    if (at) at.textContent = place
    for (const [position, value] of [...(legend?.querySelectorAll('b') ?? [])].entries()) {
      value.textContent = texts[position] ?? ''
    }
    if (plot === null) return
    plot.ariaValueNow = String(index ?? 0)
    plot.ariaValueText =
      index === undefined
        ? 'no place chosen'
        : `${place}: ${options.columns.map(({ name }, position) => `${name} ${texts[position]}`).join('; ')}`
  }
}

const GRID: uPlot.Axis.Grid = { stroke: () => colour('line'), width: 1 }

/** The axes, their lines and their numbers. */
function axis(options: uPlot.Axis): uPlot.Axis {
  return {
    font: FONT,
    stroke: () => colour('quiet'),
    grid: GRID,
    ticks: { show: false },
    ...options,
  }
}
