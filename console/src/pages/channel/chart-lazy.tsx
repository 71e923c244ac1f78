// The chart's library is only fetched where there is a chart.
import { useEffect, useState } from 'preact/hooks';
import { Loading } from '../../ui/states';
import type { ChartProps } from './chart';

type ChartType = (p: ChartProps) => preact.JSX.Element;
let loaded: ChartType | null = null;

export function Chart(p: ChartProps) {
    const [Drawn, set] = useState<{ as: ChartType } | null>(loaded && { as: loaded });
    useEffect(() => {
        if (Drawn) return;
        import('./chart').then(m => {
            loaded = m.Chart;
            set({ as: m.Chart });
        }, () => {}); // the table says the same
    }, []);
    return Drawn ? <Drawn.as {...p} /> : <div class="chart"><Loading lines={4} /></div>;
}
