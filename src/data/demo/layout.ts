/** @file Which kinds an image shows, on which ground, how large and where. Nothing is painted here. */
import type { Pose } from './canvas.ts'
import type { Ground } from './ground.ts'
import { KINDS, type Kind } from './kinds.ts'
import type { DemoRandom } from './random.ts'

/** An object of a kind in its place. */
export interface Placed {
  readonly kind: Kind
  readonly pose: Pose
}

/** An image before it is painted: objects from back to front; `horizon` as a share of the height from the top. */
export interface SceneLayout {
  readonly ground: Ground
  readonly horizon: number
  readonly kinds: readonly Kind[]
  readonly objects: readonly Placed[]
}

/** Draws one to three kinds that may meet on one ground, and a place for each. */
export function planLayout(random: DemoRandom, size: number): SceneLayout {
  const lead = random.pick(KINDS)
  const ground = random.pick(lead.grounds)
  const horizon = pickHorizon(random, lead)
  const company = random.chance(0.7) ? 0 : random.chance(0.75) ? 1 : 2
  const candidates = KINDS.filter(
    kind => kind !== lead && kind.grounds.includes(ground) && joins(random, kind, horizon),
  )
  const kinds = [lead, ...random.shuffle(candidates).slice(0, company)]
  const objects: Placed[] = []
  for (const kind of kinds) {
    const leads = kind === lead
    const share = leads ? random.between(0.44, company > 0 ? 0.6 : 0.68) : random.between(0.24, 0.42)
    const count = random.chance(0.17) ? 2 : 1
    for (let i = 0; i < count; i++) {
      const smaller = i === 0 ? 1 : random.between(0.6, 0.9)
      const unit = (size * share * smaller) / Math.sqrt(kind.area)
      objects.push({ kind, pose: pickPose(random, kind, { unit, size, horizon, objects }) })
    }
  }
  objects.sort((a, b) => lowest(a) - lowest(b))
  return { ground, horizon, kinds, objects }
}

/** Whether a kind may be company: birds need some sky, and balls, at home everywhere, would be in most images. */
function joins(random: DemoRandom, kind: Kind, horizon: number): boolean {
  if (kind.flies) return horizon > 0.35
  return kind.name !== 'ball' || random.chance(0.4)
}

function pickHorizon(random: DemoRandom, lead: Kind): number {
  if (lead.flies) return random.chance(0.3) ? 1.3 : random.between(0.6, 0.95)
  const small = lead.name === 'cat' || lead.name === 'ball' // often seen from above, without any sky
  if (small) return random.chance(0.35) ? -0.2 : random.between(0.1, 0.5)
  return random.between(0.3, 0.62)
}

function pickPose(
  random: DemoRandom,
  kind: Kind,
  {
    unit,
    size,
    horizon,
    objects,
  }: { unit: number; size: number; horizon: number; objects: readonly Placed[] },
): Pose {
  const room = (x: number) => Math.min(...objects.map(({ pose }) => Math.abs(pose.x - x)), size)
  const [first, second] = [random.between(0.14, 0.86) * size, random.between(0.14, 0.86) * size]
  const x = room(first) >= room(second) ? first : second // the emptier of two places: they overlap, but less
  const sky = Math.min(horizon, 1) * size
  const y = kind.flies
    ? random.between(Math.min(0.2 * size, sky / 2), Math.max(sky - 0.8 * unit, sky / 2))
    : Math.max(size * random.between(Math.max(horizon + 0.12, 0.5), 1) - kind.foot * unit, 0.8 * unit)
  return { x, y, unit, angle: kind.lean * random.between(-1, 1), flipped: random.chance(0.5) }
}

function lowest({ kind, pose }: Placed): number {
  return kind.flies ? 0 : pose.y + kind.foot * pose.unit
}
