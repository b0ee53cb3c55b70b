/** What whoever runs the load test can put right: an option, or a part of the scene that is not as it must be. */
export class LoadTestError extends Error {
  override readonly name = 'LoadTestError'
}
