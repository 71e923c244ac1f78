// A small line of the last minutes, for the eye; the figure beside it says the value.
export function Spark({ values, tone }: { values: number[]; tone: string }) {
    const width = 240, height = 32, max = Math.max(1, ...values);
    const step = width / 119, first = width - (values.length - 1) * step;
    const points = values.map((v, i) => `${(first + i * step).toFixed(1)},${(height - 2 - v / max * (height - 4)).toFixed(1)}`).join(' ');
    return (
        <svg class={`spark ${tone}`} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
            <line x1="0" x2={width} y1={height - 1} y2={height - 1} />
            {values.length > 1 && <polyline points={points} />}
        </svg>
    );
}
