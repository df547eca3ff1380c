/** @file The coordinate system of an image without tags: from a .prj or .aux.xml beside it. */
import { readFile, stat } from 'node:fs/promises'

const MOST_BYTES = 1e6

/** Whether a text of the size of such files is there. */
export async function isSmallFile(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined)
  return found?.isFile() === true && found.size <= MOST_BYTES
}

/** Its EPSG code, else its text (WKT); undefined where there is no such file. */
export async function crsBeside(path: string): Promise<number | string | undefined> {
  const stem = path.replace(/\.[^./\\]*$/, '')
  for (const file of [`${stem}.prj`, `${stem}.PRJ`, `${path}.prj`]) {
    if (!(await isSmallFile(file))) continue
    const text = (await readFile(file, 'utf8')).trim()
    if (isCrs(text)) return epsgOf(text) ?? text
  }
  const aux = `${path}.aux.xml`
  if (!(await isSmallFile(aux))) return undefined
  const text = /<SRS\b[^>]*>([^<]*)<\/SRS>/.exec(await readFile(aux, 'utf8'))?.[1]
  if (text === undefined) return undefined
  const wkt = unescaped(text).trim()
  return isCrs(wkt) ? (epsgOf(wkt) ?? wkt) : undefined
}

const isCrs = (text: string): boolean =>
  /^(PROJ|GEOG|GEOD|GEOC|COMPD|BOUND|LOCAL_|COMPOUND)[A-Z]*\[/i.test(text)

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name]!)
}

/** The code of a whole system, the last thing in its text (WKT 1: AUTHORITY, WKT 2: ID), or of the names that ESRI writes without codes. */
export function epsgOf(wkt: string): number | undefined {
  const code = /(?:AUTHORITY|ID)\[\s*"EPSG"\s*,\s*"?(\d+)"?\s*\]\s*\]\s*$/i.exec(wkt)?.[1]
  if (code !== undefined) return Number(code)
  const name = /^[A-Z]+\[\s*"([^"]*)"/i.exec(wkt)?.[1] ?? ''
  if (name === 'GCS_WGS_1984') return 4326
  if (name === 'WGS_1984_Web_Mercator_Auxiliary_Sphere') return 3857
  const utm = /^(WGS_1984|ETRS_1989)_UTM_Zone_(\d{1,2})([NS])$/.exec(name)
  if (utm === null) return undefined
  const zone = Number(utm[2])
  if (utm[1] === 'ETRS_1989') return zone >= 28 && zone <= 38 && utm[3] === 'N' ? 25_800 + zone : undefined
  return zone >= 1 && zone <= 60 ? (utm[3] === 'N' ? 32_600 : 32_700) + zone : undefined
}
