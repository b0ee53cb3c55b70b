#!/usr/bin/env node
import { runCommandLine } from './cli/command-line.ts'
import { EXIT } from './cli/exit-status.ts'

process.on('SIGINT', () => process.exit(EXIT.interrupted))
// Whoever reads the output has seen enough (`tenantry list | head`): no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.refused)
})

// Not process.exit: what is still on its way into a pipe would be cut off.
process.exitCode = await runCommandLine(process.argv.slice(2), process.env)
