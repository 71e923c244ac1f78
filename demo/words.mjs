// The demo's texts in both languages.
const NAMES = ['LC_ALL', 'LC_MESSAGES', 'LANG'];

// The first variable that is set decides (POSIX 8.2).
export const languageOf = env => (/^ja/.test(NAMES.map(n => env[n]).find(Boolean) ?? '') ? 'ja' : 'en');

const seconds = ms => (ms / 1000).toFixed(1);

export const words = {
    en: {
        usage: `usage: ./dev demo [--keep] [--lang en|ja]

Starts a node and a dozen bots that each fail in their own way, posts events, and shows the outcomes.

  --keep        keep the node and the bots running until Ctrl-C
  --lang en|ja  the language; by default that of LC_ALL, LC_MESSAGES or LANG`,
        starting: n => `Starting a todoke node and ${n} bot servers: one works, the others each fail in their own way …`,
        posting: (n, url) => `The node and its console are up at ${url}. Posting ${n} events (a message, a new friend, a button) for each bot …`,
        bot: 'Bot', reason: 'Reason', detail: 'Detail', cause: 'Cause', processed: 'May have been\nprocessed', advice: 'What to do',
        processedAs: { no: 'no', unknown: 'unknown', yes: 'yes' },
        accepted: (n, ms) => `${n} events accepted, each stored on disk before its 202 (${Math.round(ms)} ms for all).`,
        ended: (delivered, failed, ms) => `${delivered} delivered, and read by LINE's own SDK after checking the signature; ${failed} not delivered, each with its cause recorded.`
            + ` All outcomes were known after ${seconds(ms)} s.`,
        gone: url => `The node (${url}), the bots and their data have been removed.`,
        next: `Next:  ./dev demo --keep                       the same, but keeps running so that you can try things
       build/todoke explain tls_cert_expired  more about one cause; ./dev demo --lang ja speaks Japanese
       build/todoke probe https://YOUR.BOT/   your own bot, tried once`,
        keep: ({ node, healthy, event, probe, dir }) => `The node and the bots run until Ctrl-C. See their channels and failures in a browser; this link makes your account and works once:

  ${node.link}

In another terminal:

  export KEY=${node.key} NODE=${node.url}

  # the bots' channels
  curl -s -H "Authorization: Bearer $KEY" $NODE/api/v1/channels

  # one event and every attempt
  curl -s -H "Authorization: Bearer $KEY" $NODE/api/v1/channels/${event}

  # a new event for the healthy bot; this terminal shows when it arrives
  curl -s -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' $NODE/api/v1/channels/${healthy}/events \\
      -d '{"events":[{"type":"message","message":{"type":"text","id":"1","text":"こんにちは"}}]}'

  # try the bot with the expired certificate by hand
  ${probe}

The node's data: ${dir}. Press Ctrl-C to stop.`,
        read: event => `The healthy bot read: ${event.type} ${event.message?.text ?? ''}`,
        stopping: 'Stopping the node and the bots …',
        late: s => `not done after ${s} s`,
        still: (s, n, all) => `… ${s} s: ${all ? `${n} of ${all} outcomes are known` : 'starting'}`,
        notYet: (n, s) => `${n} events have no outcome after ${s} s`,
        wrong: (bot, want, got) => `${bot}: expected ${want}, got ${got}`,
        bad: 'This is not what the demo should show:',
    },
    ja: {
        usage: `使い方: ./dev demo [--keep] [--lang en|ja]

ノードと、それぞれ違う壊れ方をする10個あまりのボットを起動し、イベントを送って、その結果を表示します。

  --keep        Ctrl-Cを押すまでノードとボットを動かしておく
  --lang en|ja  言語。既定ではLC_ALL、LC_MESSAGES、LANGに従う`,
        starting: n => `todokeのノードとボットサーバー${n}台を起動しています。1台は正常、残りはそれぞれ違う壊れ方をします…`,
        posting: (n, url) => `ノードとコンソールを ${url} で起動しました。各ボットにイベントを${n}件ずつ送ります（メッセージ、友だち追加、ポストバック）…`,
        bot: 'ボット', reason: '原因', detail: '詳細', cause: '要因', processed: '処理された\n可能性', advice: '対処方法',
        processedAs: { no: 'なし', unknown: 'あり', yes: '処理済み' },
        accepted: (n, ms) => `${n}件のイベントを受け付けました。すべて、202を返す前にディスクに保存しています（全部で${Math.round(ms)}ミリ秒）。`,
        ended: (delivered, failed, ms) => `${delivered}件は配信され、LINE公式SDKが署名を検証して受け取りました。${failed}件は配信できず、それぞれの要因を記録しました。`
            + `すべて判明するまで${seconds(ms)}秒でした。`,
        gone: url => `ノード（${url}）とボット、そのデータは片付けました。`,
        next: `次は:  ./dev demo --keep                                 終了せずに動かしておく
       build/todoke explain tls_cert_expired --lang ja  要因の詳しい説明
       build/todoke probe https://YOUR.BOT/             自分のボットを1回試す`,
        keep: ({ node, healthy, event, probe, dir }) => `Ctrl-Cを押すまで、ノードとボットは動き続けます。チャネルとエラーはブラウザーで確認できます（リンクからアカウントを作成できるのは一度だけです）:

  ${node.link}

別の端末で試してください:

  export KEY=${node.key} NODE=${node.url}

  # ボットのチャネル一覧
  curl -s -H "Authorization: Bearer $KEY" $NODE/api/v1/channels

  # 1件のイベントと、すべての配信試行
  curl -s -H "Authorization: Bearer $KEY" $NODE/api/v1/channels/${event}

  # 正常なボットに新しいイベントを送る（受け取ると、この画面に表示されます）
  curl -s -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' $NODE/api/v1/channels/${healthy}/events \\
      -d '{"events":[{"type":"message","message":{"type":"text","id":"1","text":"こんにちは"}}]}'

  # 証明書が期限切れのボットを直接試す
  ${probe}

データ: ${dir}。停止するにはCtrl-Cを押してください。`,
        read: event => `正常なボットが受け取りました: ${event.type} ${event.message?.text ?? ''}`,
        stopping: 'ノードとボットを停止しています…',
        late: s => `${s}秒たっても終わりません`,
        still: (s, n, all) => `… ${s}秒: ${all ? `${all}件中${n}件の結果が出ました` : '起動しています'}`,
        notYet: (n, s) => `${n}件のイベントの結果が、${s}秒たっても出ていません`,
        wrong: (bot, want, got) => `${bot}: 期待は ${want}、実際は ${got}`,
        bad: 'デモの結果が期待と違います:',
    },
};
