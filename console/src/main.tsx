import { render } from 'preact';
import { App } from './app';
import { startRouter } from './lib/router';
import './style/base.css';
import './style/parts.css';
import './style/pages.css';

startRouter();
render(<App />, document.getElementById('app') as HTMLElement);
