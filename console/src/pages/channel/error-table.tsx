// The rows of the error statistics; each detail is explained where it stands.
import { Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { figure } from '../../lib/format';
import type { ErrorRow } from '../../lib/types';
import { useTexts } from '../../texts';
import { Explanation } from '../../ui/explanation';
import { ReasonName } from '../../ui/badges';

const keyOf = (r: ErrorRow): string => `${r.date} ${r.start} ${r.reason} ${r.detail}`;

export function ErrorTable({ rows, zone }: { rows: ErrorRow[]; zone: string }) {
    const t = useTexts();
    const [open, setOpen] = useState<string | null>(null);
    return (
        <>
            <div class="table-wrap" tabIndex={0} role="region" aria-label={t.statistics.table}>
                <table class="cards errors">
                    <caption class="visually-hidden">{t.statistics.rowsAre} {t.common.timesIn(zone)}</caption>
                    <thead>
                        <tr><th scope="col">{t.statistics.date}</th><th scope="col">{t.statistics.start}</th><th scope="col">{t.statistics.end}</th><th scope="col">{t.statistics.reason}</th><th scope="col">{t.statistics.detail}</th><th scope="col" class="num">{t.statistics.count}</th></tr>
                    </thead>
                    <tbody>
                        {rows.map(r => {
                            const key = keyOf(r), shown = open === key;
                            return (
                                <Fragment key={key}>
                                    <tr class={shown ? 'open' : ''} data-test="error-row">
                                        <td class="figure">{r.date}</td><td class="figure" data-label={t.statistics.start}>{r.start}</td><td class="figure" data-label={t.statistics.end}>{r.end}</td><td><ReasonName reason={r.reason} /></td>
                                        <td class="main-cell"><span class="detail">{r.detail}</span> <button type="button" class="link no-print" aria-expanded={shown} aria-label={t.statistics.explain(r.detail)} onClick={() => setOpen(shown ? null : key)}>{t.statistics.why}</button></td>
                                        <td class="num" data-label={t.statistics.count}>{figure(r.errors)}</td>
                                    </tr>
                                    {shown && <tr class="explain-row"><td colSpan={6}><Explanation reason={r.reason} detail={r.detail} /></td></tr>}
                                </Fragment>
                            );
                        })}
                    </tbody>
                </table>
            </div>
            <p class="hint table-note">{t.statistics.rowsAre} {t.common.timesIn(zone)}</p>
        </>
    );
}
