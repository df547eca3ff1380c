/** @file The first host of a SLURM node list such as "gpu[03-05,9],login1". Imports nothing. */
/** Undefined for an empty or unknown list. */
export function firstHost(list: string): string | undefined {
  const [, prefix = '', range, suffix = ''] =
    /^([^,[\]]*)(?:\[(\w+)[^\]]*\]([^,[\]]*))?(?=,|$)/.exec(list.trim()) ?? []
  const host = `${prefix}${range ?? ''}${suffix}`
  return host === '' ? undefined : host
}
