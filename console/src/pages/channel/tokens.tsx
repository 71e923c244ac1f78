// Channel access tokens: issued, listed, revoked. A token is shown once.
import { useState } from 'preact/hooks';
import { call } from '../../lib/api';
import { useLoad } from '../../lib/load';
import type { Token } from '../../lib/types';
import { useTexts } from '../../texts';
import { Button, Card, Copy, Field, Select, Time } from '../../ui/parts';
import { Dialog, FormDialog, useDialog } from '../../ui/dialog';
import { Failure, Loading } from '../../ui/states';
import { toast } from '../../ui/toast';

const DAY = 86_400;

export function Tokens({ path }: { path: string }) {
    const t = useTexts();
    const list = useLoad<{ tokens: Token[] }>(`${path}/tokens`);
    const issuing = useDialog();
    const [seconds, setSeconds] = useState('0');
    const [issued, setIssued] = useState<Token | null>(null);
    const [going, go] = useState<Token | null>(null);
    const issue = async (): Promise<void> => {
        setIssued(await call<Token>('POST', `${path}/tokens`, seconds === '0' ? {} : { expiresInSeconds: Number(seconds) }));
        await list.reload();
    };
    const spans: [string, string][] = [['0', t.messaging.neverExpires], ...[1, 7, 30, 90, 365].map(n => [String(n * DAY), t.messaging.days(n)] as [string, string])];
    return (
        <Card title={t.messaging.tokens} actions={<Button icon="plus" onClick={issuing.show}>{t.messaging.issue}</Button>}>
            <p class="card-text">{t.messaging.tokensHint}</p>
            {list.refusal ? <Failure refusal={list.refusal} retry={() => void list.reload()} /> : !list.data ? <Loading lines={2} />
                : !list.data.tokens.length ? <p class="card-text muted">{t.messaging.noTokens}</p> : (
                    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.messaging.tokens}>
                        <table class="cards">
                            <thead><tr><th scope="col">{t.messaging.token}</th><th scope="col">{t.common.created}</th><th scope="col">{t.messaging.expiresAt}</th><th scope="col">{t.messaging.lastUsed}</th><th scope="col"><span class="visually-hidden">{t.common.actions}</span></th></tr></thead>
                            <tbody>{list.data.tokens.map(k => (
                                <tr key={k.tokenId}>
                                    <td class="main-cell mono">{k.hint}</td><td data-label={t.common.created}><Time at={k.createdAt} /></td>
                                    <td data-label={t.messaging.expiresAt}>{k.expiresAt ? <Time at={k.expiresAt} /> : t.messaging.neverExpires}</td><td data-label={t.messaging.lastUsed}><Time at={k.lastUsedAt} /></td>
                                    <td class="end"><Button kind="quiet" aria-label={`${t.messaging.revoke}: ${k.hint}`} onClick={() => go(k)}>{t.messaging.revoke}</Button></td>
                                </tr>
                            ))}</tbody>
                        </table>
                    </div>
                )}
            {issuing.open && (
                <FormDialog title={t.messaging.issueTitle} yes={t.messaging.issue} fields={['expiresInSeconds']} onYes={issue} onClose={issuing.hide}>
                    {refusal => <Field label={t.messaging.expires} error={refusal?.of('expiresInSeconds')}>{ids => <Select {...ids} value={seconds} options={spans} onPick={setSeconds} />}</Field>}
                </FormDialog>
            )}
            {issued?.channelAccessToken && (
                <Dialog title={t.messaging.issued} onClose={() => setIssued(null)} sticky>
                    <div class="dialog-body">
                        <p>{t.messaging.issuedText}</p>
                        <p class="secret-line"><code class="secret" data-test="token">{issued.channelAccessToken}</code> <Copy text={issued.channelAccessToken} label={t.messaging.token} /></p>
                    </div>
                    <footer class="dialog-foot"><Button kind="primary" onClick={() => setIssued(null)}>{t.common.done}</Button></footer>
                </Dialog>
            )}
            {going && (
                <FormDialog title={t.messaging.revokeTitle} yes={t.messaging.revoke} danger onClose={() => go(null)}
                    onYes={async () => { await call('DELETE', `${path}/tokens/${going.tokenId}`); toast(t.messaging.revoked); await list.reload(); }}>
                    <p>{t.messaging.revokeText(going.hint)}</p>
                </FormDialog>
            )}
        </Card>
    );
}
