/** How many restarts took how long: a bar for each row of the table. */
function drawHistogram(figure: HTMLElement): void {
  const [edges, bars, ...rest] = readColumns(figure)
  if (edges === undefined || bars === undefined) {
    throw new Error(`Expected two columns in ${figure.id}, got fewer`)
  }
  const places = edges.texts.map((_, index) => index)
  const paths = uPlot.paths.bars?.({ size: [0.86, 80, 2], radius: 0.08 })

  drawChart(figure, {
    height: 220,
    columns: [bars, ...rest],
    data: [places, bars.values],
    series: [
      { fill: () => colour('line-1'), width: 0, points: { show: false }, ...(paths ? { paths } : {}) },
    ],
    scales: {
      x: { time: false, range: () => [-0.6, places.length - 0.4] },
      y: { range: (_chart, _low, high) => [0, Math.max(1, high) * 1.15] },
    },
    axes: [
      axis({
        splits: () => places,
        // As many as there is room for.
        values: (chart, splits) => splits.map((place) => label(place, everyNth(chart))),
        size: 26,
        grid: { show: false },
        label: 'milliseconds, at most',
        labelFont: FONT,
        labelSize: 18,
      }),
      axis({
        size: 52,
        values: (_chart, splits) =>
          splits.map((value) => (Number.isInteger(value) ? compact.format(value) : '')),
      }),
    ],
    hooks: {},
    place: (index) => (edges.values[index] === null ? 'longer' : `up to ${edges.texts[index]} ms`),
  })

  function everyNth({ width }: uPlot): number {
    return Math.max(1, Math.ceil((places.length * 44) / Math.max(1, width - 60)))
  }

  function label(place: number, nth: number): string {
    return place % nth === 0 ? (edges?.texts[place] ?? '') : ''
  }
}
