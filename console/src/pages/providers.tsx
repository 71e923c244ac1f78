// Providers, and one of them: its channels, roles, options and settings.
import { useState } from 'preact/hooks';
import { call, withQuery } from '../lib/api';
import { figure } from '../lib/format';
import { useLoad, usePages } from '../lib/load';
import { navigate } from '../lib/router';
import { isAdmin, refreshSession } from '../lib/session';
import type { Account, Channel, Provider } from '../lib/types';
import { useTexts } from '../texts';
import { Button, Card, Field, PageTitle, Tabs, Time } from '../ui/parts';
import { FormDialog, useDialog } from '../ui/dialog';
import { Failure, Loading, Notice } from '../ui/states';
import { EditRow, Row } from '../ui/row';
import { toast } from '../ui/toast';
import { ChannelTable } from './channels';
import { NewChannel } from './new-channel';
import { ProviderOptions } from './options';
import { Roles } from './roles';
import { firstPage, useRefresh } from '../lib/refresh';

export function Providers({ account }: { account: Account }) {
    const t = useTexts();
    const list = usePages<Provider>('/api/v1/providers?limit=100', 'providers');
    const dialog = useDialog();
    const [name, setName] = useState('');
    const create = async (): Promise<void> => {
        const made = await call<Provider>('POST', '/api/v1/providers', { name: name.trim() });
        void refreshSession();
        toast(t.providers.created);
        navigate(`/providers/${made.providerId}`);
    };
    const button = account.mayMakeProviders && <Button kind="primary" icon="plus" onClick={dialog.show}>{t.providers.create}</Button>;
    return (
        <div class="page">
            <header class="page-head"><PageTitle title={t.providers.title} />{button}</header>
            {list.refusal ? <Failure refusal={list.refusal} retry={() => void list.reload()} /> : !list.rows ? <Loading />
                : !list.rows.length ? <Notice icon="info" title={t.providers.empty} text={account.mayMakeProviders ? t.providers.emptyText : t.providers.emptyAsk}>{button}</Notice> : (
                    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.providers.title}>
                        <table class="cards">
                            <thead><tr><th scope="col">{t.providers.name}</th><th scope="col">{t.channels.yourRole}</th><th scope="col" class="num">{t.providers.channels}</th><th scope="col">{t.common.created}</th></tr></thead>
                            <tbody>{list.rows.map(p => (
                                <tr key={p.providerId}>
                                    <td class="main-cell"><a href={`/providers/${p.providerId}`}>{p.name}</a><span class="sub">{p.providerId}</span></td>
                                    <td data-label={t.channels.yourRole}>{p.role ? t.roleNames[p.role] : t.roleNames.operator}</td>
                                    <td class="num" data-label={t.providers.channels}>{figure(p.channels)}</td>
                                    <td data-label={t.common.created}><Time at={p.createdAt} /></td>
                                </tr>
                            ))}</tbody>
                        </table>
                    </div>
                )}
            {list.more && <p class="more"><Button onClick={list.more} busy={list.loading}>{t.common.more}</Button></p>}
            {dialog.open && (
                <FormDialog title={t.providers.create} yes={t.providers.create} fields={['name']} disabled={!name.trim()} onYes={create} onClose={dialog.hide} stay>
                    {refusal => <Field label={t.providers.name} hint={t.providers.emptyText} error={refusal?.of('name')}>{ids => <input {...ids} type="text" name="name" autoFocus autoComplete="off" maxLength={100} value={name} onInput={e => setName(e.currentTarget.value)} />}</Field>}
                </FormDialog>
            )}
        </div>
    );
}

function ProviderChannels({ provider, admin }: { provider: Provider; admin: boolean }) {
    const t = useTexts();
    const source = { path: withQuery('/api/v1/channels', { provider: provider.providerId }), limit: 100 };
    const list = usePages<Channel>(firstPage(source), 'channels');
    useRefresh<Channel>(source, 'channels', c => c.channelId, list);
    const dialog = useDialog();
    const button = admin && <Button kind="primary" icon="plus" onClick={dialog.show}>{t.channels.create}</Button>;
    return (
        <>
            <div class="toolbar end">{button}</div>
            {list.refusal ? <Failure refusal={list.refusal} retry={() => void list.reload()} /> : !list.rows ? <Loading />
                : list.rows.length ? <ChannelTable rows={list.rows} /> : <Notice icon="info" title={t.channels.empty} text={t.channels.emptyText} />}
            {list.more && <p class="more"><Button onClick={list.more} busy={list.loading}>{t.common.more}</Button></p>}
            {dialog.open && <NewChannel providers={[provider]} onClose={dialog.hide} onCreated={() => void list.reload()} />}
        </>
    );
}

function Settings({ provider, admin, onChange }: { provider: Provider; admin: boolean; onChange: (p: Provider) => void }) {
    const t = useTexts();
    const dialog = useDialog();
    const path = `/api/v1/providers/${provider.providerId}`;
    return (
        <>
            <Card title={t.providers.tabSettings}>
                <EditRow label={t.providers.name} property="name" value={provider.name} mayEdit={admin} max={100}
                    onSave={async name => { onChange(await call<Provider>('PATCH', path, { name })); void refreshSession(); toast(t.common.saved); }} />
                <Row label={t.providers.id}><span class="mono">{provider.providerId}</span></Row>
                <Row label={t.common.created}><Time at={provider.createdAt} /></Row>
            </Card>
            {admin && (
                <Card title={t.providers.deleteTitle}>
                    <div class="danger-zone"><p class="hint">{t.providers.deleteText(provider.name)}</p><Button kind="danger" onClick={dialog.show}>{t.providers.deleteYes}</Button></div>
                </Card>
            )}
            {dialog.open && (
                <FormDialog title={t.providers.deleteTitle} yes={t.providers.deleteYes} danger onClose={dialog.hide} stay
                    onYes={async () => { await call('DELETE', path); void refreshSession(); toast(t.providers.deleted); navigate('/providers'); }}>
                    <p>{t.providers.deleteText(provider.name)}</p>
                </FormDialog>
            )}
        </>
    );
}

export function ProviderPage({ id, tab, account }: { id: string; tab: string; account: Account }) {
    const t = useTexts();
    const load = useLoad<Provider>(`/api/v1/providers/${encodeURIComponent(id)}`);
    if (load.refusal) return <div class="page"><Failure whole refusal={load.refusal} retry={() => void load.reload()} /></div>;
    if (!load.data) return <div class="page"><Loading lines={6} /></div>;
    const provider = load.data, admin = isAdmin(account, provider);
    const tabs: [string, string][] = [['', t.providers.tabChannels], ['roles', t.providers.tabRoles], ['options', t.providers.tabOptions], ['settings', t.providers.tabSettings]];
    return (
        <div class="page">
            <p class="crumbs"><a href="/providers">{t.providers.title}</a></p>
            <header class="page-head"><PageTitle title={provider.name} /></header>
            <Tabs label={t.nav.tabs} tabs={tabs.map(([to, text]) => ({ to: `/providers/${id}${to && `/${to}`}`, text, on: tab === to }))} />
            {tab === 'roles' ? <Roles of={`/api/v1/providers/${id}`} kind="provider" admin={admin} account={account} />
                : tab === 'options' ? <ProviderOptions id={id} admin={admin} account={account} name={provider.name} />
                    : tab === 'settings' ? <Settings provider={provider} admin={admin} onChange={load.set} />
                        : <ProviderChannels provider={provider} admin={admin} />}
        </div>
    );
}
