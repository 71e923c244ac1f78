// A channel is made in one dialog; its access token is shown there, this once.
import { useState } from 'preact/hooks';
import { call } from '../lib/api';
import { usePreferences } from '../lib/preferences';
import { navigate } from '../lib/router';
import { refreshSession } from '../lib/session';
import type { Channel, Provider } from '../lib/types';
import { useTexts } from '../texts';
import { Button, Copy, Field } from '../ui/parts';
import { Dialog, FormDialog } from '../ui/dialog';

type Created = Channel & { channelSecret: string; channelAccessToken: string };

export function NewChannel({ providers, provider, onClose, onCreated }: { providers: Provider[]; provider?: string; onClose: () => void; onCreated: () => void }) {
    const t = useTexts();
    const { language } = usePreferences();
    const [name, setName] = useState('');
    const [url, setUrl] = useState('');
    const [of, setOf] = useState(providers.find(p => p.providerId === provider)?.providerId ?? providers[0]?.providerId ?? '');
    const [made, setMade] = useState<Created | null>(null);
    const create = async (): Promise<void> => {
        const body = { name: name.trim(), providerId: of, language, ...(url.trim() ? { webhookUrl: url.trim() } : {}) };
        setMade(await call<Created>('POST', '/api/v1/channels', body));
        void refreshSession();
        onCreated();
    };
    if (made) {
        const open = (): void => {
            onClose();
            navigate(`/channels/${made.channelId}/messaging`);
        };
        return (
            <Dialog title={t.channels.created(made.name)} onClose={onClose} sticky>
                <div class="dialog-body">
                    <dl class="facts">
                        <dt>{t.channels.id}</dt><dd class="mono">{made.channelId}</dd>
                        <dt>{t.channels.token}</dt><dd><code class="secret">{made.channelAccessToken}</code> <Copy text={made.channelAccessToken} label={t.channels.token} /></dd>
                    </dl>
                    <p class="banner info">{t.channels.tokenOnce}</p>
                </div>
                <footer class="dialog-foot"><Button kind="primary" onClick={open}>{t.channels.open}</Button></footer>
            </Dialog>
        );
    }
    return (
        <FormDialog title={t.channels.createTitle} yes={t.channels.create} fields={['name', 'webhookUrl', 'providerId']} onYes={create} onClose={onClose} stay disabled={!name.trim()}>
            {refusal => (
                <>
                    <p class="muted">{t.channels.createText}</p>
                    <Field label={t.channels.name} error={refusal?.of('name')}>{ids => <input {...ids} type="text" name="name" required maxLength={100} autoFocus autoComplete="off" value={name} onInput={e => setName(e.currentTarget.value)} />}</Field>
                    <Field label={t.channels.provider} error={refusal?.of('providerId')}>{ids => (
                        <select {...ids} value={of} onChange={e => setOf(e.currentTarget.value)}>
                            {providers.map(p => <option key={p.providerId} value={p.providerId} selected={p.providerId === of}>{p.name}</option>)}
                        </select>
                    )}</Field>
                    <Field label={`${t.channels.url} (${t.common.optional})`} hint={t.messaging.urlHint} error={refusal?.of('webhookUrl')}>{ids => <input {...ids} type="url" name="webhookUrl" autoComplete="off" value={url} onInput={e => setUrl(e.currentTarget.value)} />}</Field>
                </>
            )}
        </FormDialog>
    );
}
