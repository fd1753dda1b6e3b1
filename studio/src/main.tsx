import { Component, render, type ComponentChildren } from 'preact';
import { App } from './app';
import './look';
import { t } from './text';

/** A fault of ours must not leave an empty page. */
class Guard extends Component<{ children: ComponentChildren }, { fault: string }> {
    state = { fault: '' };
    componentDidCatch(error: unknown): void {
        console.error(error);
        this.setState({ fault: String(error) });
    }
    render() {
        if (!this.state.fault) return this.props.children;
        return (
            <main class="door">
                <div class="door-box" role="alert">
                    <h1>{t('fault')}</h1>
                    <pre class="code">{this.state.fault}</pre>
                    <button type="button" class="primary" onClick={() => location.reload()}>
                        {t('reload')}
                    </button>
                </div>
            </main>
        );
    }
}

render(
    <Guard>
        <App />
    </Guard>,
    document.getElementById('app')!,
);
