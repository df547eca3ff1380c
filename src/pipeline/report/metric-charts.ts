/** @file Which charts the rows of metrics.jsonl make: losses, learning rate, validation mAP. */
import type { MetricsRecord } from '../../train/metrics.ts'
import type { Chart, Series } from './svg-chart.ts'

/** The charts that the rows hold data for. Step rows of the losses are drawn faint where epoch rows exist. */
export function metricCharts(rows: readonly MetricsRecord[]): Chart[] {
  const losses = series(rows, name => /loss/i.test(name))
  const rates = series(rows, name => name === 'lr' || name.startsWith('lr.'))
  const precision = series(rows, name => name.includes('mAP'))
  const charts: Chart[] = [
    { title: 'Training loss', x: 'step', series: losses },
    { title: 'Learning rate', x: 'step', series: rates, yIncludes: [0] },
    { title: 'Validation of the tags', x: 'step', series: precision },
  ]
  return charts.filter(chart => chart.series.length > 0).map(chart => ({ ...chart, xIncludes: [0] }))
}

/** One line for each field and kind of row; of fields with rows for each epoch, those of the steps are faint. */
function series(rows: readonly MetricsRecord[], wanted: (name: string) => boolean): Series[] {
  const lines = new Map<string, { name: string; kind: string; points: [number, number][] }>()
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (name === 'step' || typeof value !== 'number' || !wanted(name)) continue
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
