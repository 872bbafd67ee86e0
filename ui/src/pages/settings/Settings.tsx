import type { PageProps } from '@/app/routes'
import { useMay, useMe } from '@/state/me'
import { navigate } from '@/state/router'
import { t } from '@/text'
import { PageHead } from '@/ui/Panel'
import { Tabs } from '@/ui/Tabs'
import { Audit } from './Audit'
import { Config } from './Config'
import { Export } from './Export'
import { Password } from './Password'
import { Processes } from './Processes'
import { Tokens } from './Tokens'
import { Users } from './Users'

export function Settings({ params }: PageProps) {
  const admin = useMay('admin')
  const { user } = useMe()
  const open = params['tab'] ?? 'config'
  const tabs = [
    { value: 'config', label: t.settings.config, content: <Config /> },
    { value: 'processes', label: t.settings.processes, content: <Processes /> },
    { value: 'export', label: t.settings.export, content: <Export /> },
    ...(user !== '' ? [{ value: 'password', label: t.settings.password, content: <Password /> }] : []),
    ...(admin
      ? [
          { value: 'users', label: t.settings.users, content: <Users /> },
          { value: 'tokens', label: t.settings.tokens, content: <Tokens /> },
          { value: 'audit', label: t.settings.audit, content: <Audit /> },
        ]
      : []),
  ]
  return (
    <>
      <PageHead title={t.settings.title} />
      <Tabs label={t.settings.tabs} value={open} onChange={(v) => navigate(v === 'config' ? '/settings' : `/settings/${v}`)} tabs={tabs} />
    </>
  )
}
