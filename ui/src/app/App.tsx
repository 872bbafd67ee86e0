/*
 * Who looks?  Until that is known there is nothing; somebody unknown sees the
 * login, everybody else the console.
 */
import { useCallback, useEffect, useState } from 'react'
import { api } from '@/api'
import { me } from '@/api/types'
import { MeContext } from '@/state/me'
import { loginByCode, takeCode } from '@/state/login'
import { forgetResources, useResource } from '@/state/resource'
import { Login } from '@/pages/Login'
import { Toasts } from '@/ui/Toasts'
import { ErrorNote, Skeleton } from '@/ui/State'
import { ErrorBoundary } from './ErrorBoundary'
import { Shell } from './Shell'

const given = takeCode()
// Once, however often React runs an effect.
const byCode = given === null ? null : loginByCode(given)

/** What became of the link that led here: null while that is not known. */
function useCode(): boolean | null {
  const [done, setDone] = useState<boolean | null>(byCode === null ? true : null)
  useEffect(() => {
    void byCode?.then(setDone)
  }, [])
  return done
}

function Known({ used }: { used: boolean }) {
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
  if (out || who.error?.status === 401 || who.data?.role === 'none') return <Login used={used} onLogin={loggedIn} />
  if (!who.data) return who.error ? <ErrorNote error={who.error} onRetry={reload} /> : <Skeleton lines={1} />
  return (
    <MeContext value={who.data}>
      <Shell onLogout={loggedOut} />
    </MeContext>
  )
}

export function App() {
  const entered = useCode()
  return (
    <ErrorBoundary of="app">
      {entered === null ? <Skeleton lines={1} /> : <Known used={!entered} />}
      <Toasts />
    </ErrorBoundary>
  )
}
