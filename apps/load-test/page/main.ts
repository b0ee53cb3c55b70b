const bands = readBands()
for (const figure of document.querySelectorAll<HTMLElement>('figure[data-kind="time"]')) {
  drawTimeChart(figure, bands)
}
for (const figure of document.querySelectorAll<HTMLElement>('figure[data-kind="histogram"]')) {
  drawHistogram(figure)
}
