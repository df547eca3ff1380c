/** @file Charts of the rows of metrics.jsonl: losses, learning rate, validation by tags and by masks. */
import type { MetricsRecord } from '../../train/metrics.ts'
import type { Training } from './report-data.ts'
import type { Chart, Series } from './svg-chart.ts'

/** The charts that the rows hold data for. Step rows of the losses are drawn faint where epoch rows exist. */
export function metricCharts({ of, rows }: Training): Chart[] {
  const losses = series(rows, ({ kind }, name) => kind !== 'validation' && !isOther(name))
  const memory = series(rows, (_, name) => name === 'memory')
  const rates = series(rows, (_, name) => name === 'lr')
  const precision = series(rows, (_, name) => name.includes('mAP'))
  const fit = series(rows, (_, name) => name === 'gt-mIoU')
  const charts: Chart[] = [
    { title: `Training loss, ${of}`, x: 'step', series: losses },
    {
      title: `Memory, share of the classes whose list is full, ${of}`,
      x: 'step',
      series: memory,
      yIncludes: [0],
    },
    { title: `Learning rate, ${of}`, x: 'step', series: rates, yIncludes: [0] },
    { title: 'Validation of the tags, %', x: 'step', series: precision },
    { title: 'CAMs against masks, %', x: 'step', series: fit },
  ]
  return charts.filter(chart => chart.series.length > 0).map(chart => ({ ...chart, xIncludes: [0] }))
}

/** Whether a number of a training row is no loss: its position, the learning rate, the speed, how full a memory is. */
function isOther(name: string): boolean {
  return ['step', 'epoch', 'lr', 'memory'].includes(name) || name.endsWith('/s')
}

/** One line for each field and kind of row; of fields with rows for each epoch, those of the steps are faint. */
function series(
  rows: readonly MetricsRecord[],
  wanted: (row: MetricsRecord, name: string) => boolean,
): Series[] {
  const lines = new Map<string, { name: string; kind: string; points: [number, number][] }>()
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (typeof value !== 'number' || !wanted(row, name)) continue
      const key = `${row.kind}/${name}`
      const line = lines.get(key) ?? { name, kind: row.kind, points: [] }
      line.points.push([row.step, value])
      lines.set(key, line)
    }
  }
  return [...lines.values()].map(({ name, kind, points }) => ({
    name,
    points,
    faint: kind === 'step' && lines.has(`epoch/${name}`),
  }))
}
