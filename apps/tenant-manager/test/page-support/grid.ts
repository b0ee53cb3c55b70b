/// <reference lib="dom" />
import type { Locator, Page } from 'playwright-core'

export function row(page: Page, id: string): Locator {
  return page.locator(`tr[data-id="${id}"]`)
}

export async function openTenant(page: Page, id: string): Promise<Locator> {
  await row(page, id).locator('.name').click()
  const panel = page.locator('dialog.panel')
  await panel.getByLabel('Configuration').waitFor()
  return panel
}

/** What each cell of a row says, up to the comma. */
export async function states(page: Page, id: string): Promise<readonly string[]> {
  const labels = await row(page, id)
    .locator('.cell')
    .evaluateAll((cells) => cells.map((cell) => cell.getAttribute('aria-label') ?? ''))
  return labels.map((label) => /: (not loaded|[a-z]+)/.exec(label)?.[1] ?? label)
}

/** The colour of each cell of a row. */
export async function looks(page: Page, id: string): Promise<readonly string[]> {
  return row(page, id)
    .locator('.mark')
    .evaluateAll((marks) => marks.map((mark) => getComputedStyle(mark).getPropertyValue('--colour')))
}

export async function everyCell(page: Page, id: string, state: string): Promise<void> {
  await page.waitForFunction(
    ({ id, state }) => {
      const cells = [...document.querySelectorAll(`tr[data-id="${CSS.escape(id)}"] .cell`)]
      return cells.length >= 3 && cells.every((cell) => cell.ariaLabel?.includes(`: ${state}`))
    },
    { id, state },
  )
}

/** The cell that has the focus: its tenant and its column. */
export async function focused(page: Page): Promise<string | undefined> {
  return page.evaluate(() => {
    const cell = document.activeElement?.closest<HTMLElement>('[data-column]')
    return cell ? `${cell.closest<HTMLElement>('[data-id]')?.dataset.id} ${cell.dataset.column}` : undefined
  })
}
