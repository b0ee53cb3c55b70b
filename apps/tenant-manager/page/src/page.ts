import { type Signal, signal } from '@preact/signals'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Tenant } from '../../src/api.ts'
import { Actions } from './actions.ts'
import { ApiClient } from './api-client.ts'
import { BoardState } from './board-state.ts'
import { Credentials } from './credentials.ts'
import { LiveStream } from './live-stream.ts'
import { Notices } from './notices.ts'
import { ViewState } from './view-state.ts'

/** What was typed and not saved, and the tenant that it was typed over. */
export interface Draft {
  readonly base: Tenant
  readonly name: string
  readonly config: string
}

/** Everything that the parts of the page share. */
export class Page {
  readonly credentials: Credentials = new Credentials()
  readonly api: ApiClient = new ApiClient(this.credentials)
  readonly board: BoardState = new BoardState()
  readonly live: LiveStream = new LiveStream(this.api, (change) =>
    this.board.apply(change, performance.now()),
  )
  readonly view: ViewState = new ViewState(this.board)
  readonly notices: Notices = new Notices()
  readonly actions: Actions = new Actions(this)
  /** By tenant id. A panel that is closed by mistake loses nothing. */
  readonly drafts: Signal<ReadonlyMap<string, Draft>> = signal(new Map())

  keepDraft(id: string, draft: Draft | undefined): void {
    const drafts = new Map(this.drafts.value)
    if (draft) drafts.set(id, draft)
    else if (!drafts.delete(id)) return
    this.drafts.value = drafts
  }
}

export const PageContext = createContext<Page | undefined>(undefined)

export function usePage(): Page {
  const page = useContext(PageContext)
  if (page === undefined) throw new Error('Expected a Page in PageContext, got none')
  return page
}
