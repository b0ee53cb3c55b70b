import open from 'open'

/**
 * Opens the page in the browser of whoever sits in front of this machine; where that is nobody, or it fails, the
 * page's address has been printed.
 */
export async function openPage(url: string): Promise<void> {
  if (!hasViewer(process.env)) return
  try {
    await open(url)
  } catch {
    // There is no browser: nothing that the demo needs.
  }
}

function hasViewer(environment: NodeJS.ProcessEnv): boolean {
  const { CI, SSH_CONNECTION, SSH_TTY, DISPLAY, WAYLAND_DISPLAY, WSL_DISTRO_NAME } = environment
  if (!process.stdout.isTTY || CI !== undefined) return false
  if (SSH_CONNECTION !== undefined || SSH_TTY !== undefined) return false
  // Without a screen, some systems open a browser for terminals, in this terminal.
  return process.platform !== 'linux' || (DISPLAY ?? WAYLAND_DISPLAY ?? WSL_DISTRO_NAME) !== undefined
}
