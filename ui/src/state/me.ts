/* Who looks, and what they may. */
import { createContext, useContext } from 'react'
import { ROLES, type Me, type Role } from '@/api/types'

export const MeContext = createContext<Me>({ user: '', role: 'none', auth_required: true })

export const useMe = (): Me => useContext(MeContext)

export function atLeast(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}

/** Whether whoever looks may do what takes this role. */
export function useMay(needed: Role): boolean {
  return atLeast(useMe().role, needed)
}
