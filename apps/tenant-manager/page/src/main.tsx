import { render } from 'preact'
import { startClock } from './ages.ts'
import { App } from './app.tsx'
import { Page, PageContext } from './page.ts'

const page = new Page()
startClock()
page.live.run()
render(
  <PageContext.Provider value={page}>
    <App />
  </PageContext.Provider>,
  document.body,
)
