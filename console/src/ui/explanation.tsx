// What a detail or cause means, and what to do.
import { findFault, useFaults } from '../lib/faults';
import { usePreferences } from '../lib/preferences';
import { useTexts } from '../texts';
import { Prose } from './parts';
import { Loading } from './states';

export function Explanation({ reason, detail, cause }: { reason: string; detail: string; cause?: string }) {
    const t = useTexts();
    const { language } = usePreferences();
    const faults = useFaults(true);
    if (!faults) return <Loading lines={2} />;
    const fault = findFault(faults, reason, detail, cause);
    if (!fault) return null;
    return (
        <dl class="facts explanation">
            <dt>{t.verify.explanation}</dt><dd><Prose text={fault.explanation[language]} /></dd>
            <dt>{t.verify.advice}</dt><dd class="advice"><Prose text={fault.advice[language]} /></dd>
        </dl>
    );
}
