/* The pages, by their paths.  Each is loaded when it is first opened. */
import { lazy, type ComponentType, type LazyExoticComponent } from 'react'
import { match } from '@/state/router'
import { t } from '@/text'
import * as I from '@/ui/icons'

export interface PageProps {
  readonly params: Readonly<Record<string, string>>
}

type Page = ComponentType<PageProps> | LazyExoticComponent<ComponentType<PageProps>>

interface Route {
  readonly path: string
  readonly title: string
  readonly page: Page
}

const loads = new Map<Page, () => Promise<unknown>>()

function page<K extends string>(load: () => Promise<Record<K, ComponentType<PageProps>>>, name: K): Page {
  const made = lazy(() => load().then((m) => ({ default: m[name] })))
  loads.set(made, load)
  return made
}

const nav = t.nav

export const ROUTES: readonly Route[] = [
  { path: '/', title: nav.overview, page: page(() => import('@/pages/overview/Overview'), 'Overview') },
  { path: '/sessions', title: nav.sessions, page: page(() => import('@/pages/sessions/Sessions'), 'Sessions') },
  { path: '/sessions/:id', title: nav.sessions, page: page(() => import('@/pages/sessions/SessionPage'), 'SessionPage') },
  { path: '/messages', title: nav.messages, page: page(() => import('@/pages/messages/Messages'), 'Messages') },
  { path: '/messages/:id', title: nav.messages, page: page(() => import('@/pages/message/MessagePage'), 'MessagePage') },
  { path: '/shares', title: nav.shares, page: page(() => import('@/pages/shares/Shares'), 'Shares') },
  { path: '/workers', title: nav.workers, page: page(() => import('@/pages/Workers'), 'Workers') },
  { path: '/jobs', title: nav.jobs, page: page(() => import('@/pages/Jobs'), 'Jobs') },
  { path: '/jobs/:id', title: nav.jobs, page: page(() => import('@/pages/JobPage'), 'JobPage') },
  { path: '/alerts', title: nav.alerts, page: page(() => import('@/pages/Alerts'), 'Alerts') },
  { path: '/agents', title: nav.agents, page: page(() => import('@/pages/agents/Agents'), 'Agents') },
  { path: '/settings', title: nav.settings, page: page(() => import('@/pages/settings/Settings'), 'Settings') },
  { path: '/settings/:tab', title: nav.settings, page: page(() => import('@/pages/settings/Settings'), 'Settings') },
]

export const NAV = [
  { to: '/', label: nav.overview, icon: I.OverviewIcon },
  { to: '/sessions', label: nav.sessions, icon: I.SessionsIcon },
  { to: '/messages', label: nav.messages, icon: I.MessagesIcon },
  { to: '/shares', label: nav.shares, icon: I.SharesIcon },
  { to: '/workers', label: nav.workers, icon: I.WorkersIcon },
  { to: '/jobs', label: nav.jobs, icon: I.JobsIcon },
  { to: '/alerts', label: nav.alerts, icon: I.AlertsIcon },
  { to: '/agents', label: nav.agents, icon: I.AgentsIcon },
  { to: '/settings', label: nav.settings, icon: I.SettingsIcon },
] as const

export function findRoute(path: string): { route: Route; params: Record<string, string> } | null {
  for (const route of ROUTES) {
    const params = match(route.path, path)
    if (params) return { route, params }
  }
  return null
}

/** Fetches a page's code before it is shown, as while it is asked who looks. */
export function preload(path: string): void {
  const found = findRoute(path)
  // When that fails, it is asked for again when the page is shown.
  if (found) void loads.get(found.route.page)?.().catch(() => undefined)
}

export function isCurrent(to: string, path: string): boolean {
  return to === '/' ? path === '/' : path === to || path.startsWith(`${to}/`)
}
