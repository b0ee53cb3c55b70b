import { readFile } from 'node:fs/promises'
import t from 'tap'

const root = new URL('../../../', import.meta.url)

t.test('the reference names each promise as the guide does, and tests that there are', async (t) => {
  const reference = await readFile(new URL('docs/reference/guarantees.md', root), 'utf8')
  const guide = await readFile(new URL('docs/guides/how-it-works.md', root), 'utf8')
  const promises = [...guide.matchAll(/^\| (G\d) \| \*\*(\w[\w ]*)\.\*\*/gm)].map(
    ([, id, name]) => `${id}: ${name}`,
  )
  t.equal(promises.length, 9)
  t.same(
    [...reference.matchAll(/^## (G\d: .+)$/gm)].map(([, heading]) => heading),
    promises,
  )

  const named = [...reference.matchAll(/^- `([^`]+)`: “(.+)”/gm)] as unknown as [string, string, string][]
  for (const section of reference.split(/^## (?=G\d)/m).slice(1)) {
    t.match(section, /^- `/m, `${section.slice(0, 2)} has tests`)
  }
  t.equal(named.length, reference.match(/^- `/gm)?.length, 'each line is read')
  for (const [, file, title] of named) {
    const source = await readFile(new URL(file, root), 'utf8').catch(() => '')
    t.ok(source.includes(title), `${file}: ${title}`)
  }
})
