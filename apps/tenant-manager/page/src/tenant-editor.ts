import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { Tenant, TenantReply } from '../../src/api.ts'
import { ApiError, tenantPath } from './api-client.ts'
import { ConfigCheck, format } from './config-check.ts'
import { changesOf } from './json-changes.ts'
import { explain } from './notices.ts'
import type { Page } from './page.ts'

/**
 * One tenant while it is edited. What was typed is never lost: not when somebody else saves first, not when the panel
 * is closed, not when the manager says no.
 */
export class TenantEditor {
  readonly id: string
  /** The tenant that is being changed: what was typed was typed over this version of it. */
  readonly base: Signal<Tenant | undefined> = signal(undefined)
  /** What it has become meanwhile, by somebody else's doing. */
  readonly theirs: Signal<Tenant | undefined> = signal(undefined)
  readonly name: Signal<string> = signal('')
  readonly config: ConfigCheck
  readonly saving: Signal<boolean> = signal(false)
  /** Why the tenant could not be read or saved. */
  readonly error: Signal<string | undefined> = signal(undefined)
  readonly gone: Signal<boolean> = signal(false)
  /** What was typed before theirs was taken. */
  readonly setAside: Signal<{ name: string; text: string } | undefined> = signal(undefined)
  readonly dirty: ReadonlySignal<boolean>
  readonly #page: Page
  /** The configuration's text when it was last the same as the base's. */
  readonly #baseText: Signal<string> = signal('{}')

  constructor(page: Page, id: string) {
    this.#page = page
    this.id = id
    this.config = new ConfigCheck(page.api, '{}')
    this.dirty = computed(
      () =>
        this.base.value !== undefined &&
        (this.name.value !== this.base.value.name || this.config.text.value !== this.#baseText.value),
    )
    const draft = page.drafts.value.get(id)
    if (draft) {
      this.#start(draft.base)
      this.name.value = draft.name
      this.config.text.value = draft.config
    }
  }

  /** Reads the tenant, and takes it over where nothing was typed that could be lost. */
  async refresh(): Promise<void> {
    try {
      this.learn(await this.#page.api.ask<Tenant>(tenantPath(this.id)))
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.gone.value = true
      else if (this.base.value === undefined) this.error.value = explain(error)
    }
  }

  /** Takes in what the tenant is now. */
  learn(tenant: Tenant): void {
    batch(() => {
      const base = this.base.value
      this.gone.value = false
      if (base === undefined) this.#start(tenant)
      else if (tenant.version <= base.version) return
      else if (sameContent(base, tenant)) this.base.value = tenant
      else if (this.dirty.value) this.theirs.value = tenant
      else this.#start(tenant)
    })
  }

  async save(): Promise<void> {
    const base = this.base.value
    const config = this.config.config.value
    if (base === undefined || config === undefined || this.saving.value) return
    const text = this.config.text.value
    const name = this.name.value
    this.saving.value = true
    this.error.value = undefined
    try {
      const tenant = await this.#page.api.ask<TenantReply>(tenantPath(this.id), {
        method: 'PATCH',
        body: {
          version: base.version,
          ...(name !== base.name && { name }),
          ...(text !== this.#baseText.value && { config }),
        },
      })
      batch(() => {
        this.base.value = tenant
        this.name.value = tenant.name
        this.#baseText.value = text
        this.theirs.value = undefined
        this.setAside.value = undefined
      })
      this.#page.notices.addOutcome(`${this.id} is saved as version ${tenant.version}`, tenant.written)
    } catch (error) {
      await this.#refused(error)
    } finally {
      this.saving.value = false
    }
  }

  /** Goes on with what was typed, over what the tenant is now: saving replaces it. */
  keepMine(): void {
    const theirs = this.theirs.value
    if (theirs === undefined) return
    batch(() => {
      this.base.value = theirs
      this.#baseText.value = format(theirs.config)
      this.theirs.value = undefined
      this.error.value = undefined
    })
  }

  /** Starts again from what the tenant is now; what was typed is set aside. */
  takeTheirs(): void {
    const theirs = this.theirs.value
    if (theirs === undefined) return
    batch(() => {
      this.setAside.value = { name: this.name.value, text: this.config.text.value }
      this.#start(theirs)
    })
  }

  /** Brings back what was set aside. */
  putBack(): void {
    const aside = this.setAside.value
    if (aside === undefined) return
    batch(() => {
      this.name.value = aside.name
      this.config.text.value = aside.text
      this.setAside.value = undefined
    })
  }

  /** Lets go of what was typed. */
  discard(): void {
    const tenant = this.theirs.value ?? this.base.value
    if (tenant) batch(() => this.#start(tenant))
  }

  /** Ends; what was typed and not saved is kept for the next time. */
  dispose(): void {
    const base = this.base.value
    const draft = { base: base as Tenant, name: this.name.value, config: this.config.text.value }
    this.#page.keepDraft(this.id, base && this.dirty.value && !this.gone.value ? draft : undefined)
    this.config.dispose()
  }

  #start(tenant: Tenant): void {
    const text = format(tenant.config)
    this.base.value = tenant
    this.name.value = tenant.name
    this.#baseText.value = text
    this.config.text.value = text
    this.theirs.value = undefined
    this.error.value = undefined
  }

  async #refused(error: unknown): Promise<void> {
    if (!(error instanceof ApiError)) {
      this.error.value = explain(error)
      return
    }
    // Only with what it has become can be said what was changed.
    if (error.status === 409) await this.refresh()
    const ofConfig = error.problems.filter(({ path }) => /^\/config(\/|$)/.test(path))
    if (ofConfig.length > 0) this.config.refuse(ofConfig)
    this.error.value = this.theirs.value !== undefined || ofConfig.length > 0 ? error.message : explain(error)
  }
}

/** Whether what can be typed here is the same in both. */
function sameContent(a: Tenant, b: Tenant): boolean {
  return a.name === b.name && changesOf(a.config, b.config).length === 0
}
