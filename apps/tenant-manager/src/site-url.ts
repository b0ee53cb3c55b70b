import type { Variable } from '@tenantry/app-support'

/** What stands for the host name. */
const PLACE = '{hostname}'

/**
 * `SITE_URL`: where the site of a host name is, for the links of the page. Undefined: at the host name itself.
 *
 * An address that is no `http:` or `https:` one would do who knows what when it is clicked.
 */
export const siteUrl: Variable<string | undefined> = {
  expected: `a URL with ${PLACE} in it, such as http://${PLACE}:8080/ or https://…`,
  fallback: undefined,
  parse: (text) =>
    /^https?:\/\//i.test(text) && text.includes(PLACE) && URL.canParse(text.replaceAll(PLACE, 'acme.example'))
      ? text
      : undefined,
}
