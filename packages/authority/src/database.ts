/** Whatever sends statements: a Postgres, or a transaction on one. */
export interface Sql {
  /** Sends one statement and resolves to its rows. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<{ rows: Row[] }>
  /** Runs several statements, without values and without a time limit. */
  script(text: string): Promise<void>
}

/** A Postgres: the same SQL runs on a server, through `pg`, and on PGlite in this process. */
export interface Database extends Sql {
  /**
   * Commits what `run` has done when it resolves, rolls back when it rejects. Within it, everything goes through the
   * `sql` that it is given: what goes past it is not part of the transaction, and may wait for its end.
   */
  transaction<Result>(run: (sql: Sql) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}
