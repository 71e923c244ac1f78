// A new channel secret, with a grace time in which both sign.
import { useState } from 'preact/hooks';
import { call } from '../../lib/api';
import { dateTime } from '../../lib/format';
import { useTexts } from '../../texts';
import { Button, Card, Copy, Field, Select } from '../../ui/parts';
import { Dialog, FormDialog, useDialog } from '../../ui/dialog';

const HOUR = 3600;

export function Rotation({ path }: { path: string }) {
    const t = useTexts();
    const dialog = useDialog();
    const [grace, setGrace] = useState(String(24 * HOUR));
    const [made, setMade] = useState<{ channelSecret: string; previousUntil?: string | null } | null>(null);
    const spans: [string, string][] = [['0', t.messaging.graceNone], ...[1, 24, 72, 168].map(n => [String(n * HOUR), t.messaging.hours(n)] as [string, string])];
    return (
        <Card title={t.messaging.rotation}>
            <div class="danger-zone"><p class="hint">{t.messaging.rotationHint}</p><Button kind="danger" onClick={dialog.show}>{t.messaging.rotate}</Button></div>
            {dialog.open && (
                <FormDialog title={t.messaging.rotateTitle} yes={t.messaging.rotate} danger fields={['graceSeconds']} onClose={dialog.hide}
                    onYes={async () => setMade(await call('POST', `${path}/secret/rotate`, { graceSeconds: Number(grace) }))}>
                    {refusal => (
                        <>
                            <p>{t.messaging.rotateText}</p>
                            <Field label={t.messaging.grace} error={refusal?.of('graceSeconds')}>{ids => <Select {...ids} value={grace} options={spans} onPick={setGrace} />}</Field>
                        </>
                    )}
                </FormDialog>
            )}
            {made && (
                <Dialog title={t.messaging.rotated} onClose={() => setMade(null)} sticky>
                    <div class="dialog-body">
                        <p class="secret-line"><code class="secret" data-test="secret">{made.channelSecret}</code> <Copy text={made.channelSecret} label={t.basic.secret} /></p>
                        {made.previousUntil && <p>{t.messaging.rotatedText(dateTime(made.previousUntil))}</p>}
                    </div>
                    <footer class="dialog-foot"><Button kind="primary" onClick={() => setMade(null)}>{t.common.done}</Button></footer>
                </Dialog>
            )}
        </Card>
    );
}
