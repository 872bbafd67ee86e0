/* What fails, fails by itself: the rest of the page goes on. */
import { Component, type ReactNode } from 'react'
import { visible } from '@/lib/escape'
import { t } from '@/text'
import { Button } from '@/ui/Button'

interface Props {
  readonly children: ReactNode
  /** A new one tries again, as when another page is opened. */
  readonly of: string
}

interface State {
  readonly error: Error | null
  readonly of: string
}

export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: null, of: this.props.of }

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }

  static getDerivedStateFromProps(props: Props, state: State): Partial<State> | null {
    return props.of === state.of ? null : { of: props.of, error: null }
  }

  override render(): ReactNode {
    const { error } = this.state
    if (!error) return this.props.children
    return (
      <div role="alert" className="m-4 rounded-lg border bg-panel p-6 text-sm">
        <p className="font-medium">{t.state.broken}</p>
        <p className="mt-1 text-dim">{t.state.brokenText}</p>
        <pre className="mt-2 overflow-auto whitespace-pre-wrap font-mono text-xs text-dim">{visible(error.message).slice(0, 500)}</pre>
        <Button className="mt-4" onClick={() => this.setState({ error: null })}>
          {t.act.retry}
        </Button>
      </div>
    )
  }
}
