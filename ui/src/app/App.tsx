/*
 * Who looks?  Until that is known there is nothing; somebody unknown sees the
 * login, everybody else the console.
 */
import { useCallback, useEffect, useState } from 'react'
import { api } from '@/api'
import { me, type Me } from '@/api/types'
import { MeContext } from '@/state/me'
import { forgetResources, useResource } from '@/state/resource'
import { Login } from '@/pages/Login'
import { Toasts } from '@/ui/Toasts'
import { Loaded } from '@/ui/State'
import { ErrorBoundary } from './ErrorBoundary'
import { Shell } from './Shell'

function known(who: Me): boolean {
  return who.role !== 'none'
}

export function App() {
  const [out, setOut] = useState(false)
  const who = useResource('me', (signal) => api.get('/api/me', me, {}, signal))
  const { reload } = who
  useEffect(() => {
    api.onUnauthorized = () => setOut(true)
  }, [])
  const loggedIn = useCallback(() => {
    forgetResources()
    setOut(false)
    reload()
  }, [reload])
  const loggedOut = useCallback(() => setOut(true), [])
  if (out || (who.data && !known(who.data))) return <Login onLogin={loggedIn} />
  return (
    <ErrorBoundary of="app">
      <Loaded of={who} lines={1}>
        {(data) => (
          <MeContext value={data}>
            <Shell onLogout={loggedOut} />
          </MeContext>
        )}
      </Loaded>
      <Toasts />
    </ErrorBoundary>
  )
}
