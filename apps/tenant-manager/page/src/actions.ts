import type { RestartMany, RestartManyReply, RestartReply } from '../../src/api.ts'
import { type ApiClient, tenantPath } from './api-client.ts'
import type { Notices } from './notices.ts'
import type { ViewState } from './view-state.ts'

/** What can be asked for from more than one place of the page. Each tells what became of it. */
export class Actions {
  readonly #api: ApiClient
  readonly #notices: Notices
  readonly #view: ViewState

  constructor({ api, notices, view }: { api: ApiClient; notices: Notices; view: ViewState }) {
    this.#api = api
    this.#notices = notices
    this.#view = view
  }

  async restart(id: string, reason = ''): Promise<boolean> {
    const body = reason === '' ? {} : { reason }
    return this.#tell(`Restart of ${id}`, () =>
      this.#api.ask<RestartReply>(tenantPath(id, '/restart'), { method: 'POST', body }),
    )
  }

  /** One tenant is restarted at once; whether more are meant is asked first. */
  async askToRestart(ids: readonly string[]): Promise<void> {
    const [id, ...others] = ids
    if (others.length > 0) this.#view.dialog.value = { kind: 'restart', ids }
    else if (id !== undefined && (await this.restart(id))) this.#view.clearSelection()
  }

  /** Ends the selection: what was meant by it is done. */
  async restartSelected(ids: readonly string[], reason: string): Promise<void> {
    const why = reason === '' ? {} : { reason }
    const what = `Restart of ${ids.length} tenants`
    if (await this.#tell(what, () => this.#restartMany({ tenants: [...ids], ...why })))
      this.#view.clearSelection()
  }

  async restartAll(reason: string): Promise<void> {
    const why = reason === '' ? {} : { reason }
    await this.#tell('Restart of all tenants', () => this.#restartMany({ all: true, ...why }))
  }

  async addReplica(): Promise<void> {
    try {
      const { name } = await this.#api.ask<{ name: string }>('/api/demo/replicas', { method: 'POST' })
      this.#notices.add('done', `${name} is starting`)
    } catch (error) {
      this.#notices.addError('Adding a replica', error)
    }
  }

  async removeReplica(name: string): Promise<void> {
    try {
      await this.#api.ask(`/api/demo/replicas/${encodeURIComponent(name)}`, { method: 'DELETE' })
      this.#notices.add('done', `${name} has left`)
    } catch (error) {
      this.#notices.addError(`Removing ${name}`, error)
    }
  }

  async setTraffic(on: boolean): Promise<void> {
    try {
      await this.#api.ask('/api/demo/traffic', { method: 'PUT', body: { on } })
    } catch (error) {
      this.#notices.addError('Switching the traffic', error)
    }
  }

  #restartMany(body: RestartMany): Promise<RestartManyReply> {
    return this.#api.ask<RestartManyReply>('/api/restart', { method: 'POST', body })
  }

  /** Whether it was not refused. */
  async #tell(what: string, ask: () => Promise<{ written: boolean }>): Promise<boolean> {
    try {
      const { written } = await ask()
      this.#notices.addOutcome(written ? `${what} is under way` : what, written)
      return true
    } catch (error) {
      this.#notices.addError(what, error)
      return false
    }
  }
}
