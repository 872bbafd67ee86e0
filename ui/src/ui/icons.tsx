/* A dozen line drawings, of one weight. */
import type { ReactNode } from 'react'

function icon(paths: ReactNode) {
  return function Icon({ className = 'size-4' }: { className?: string }) {
    return (
      <svg aria-hidden viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" className={`shrink-0 ${className}`}>
        {paths}
      </svg>
    )
  }
}

export const OverviewIcon = icon(<path d="M1.5 8h3l1.6-4.5L9 12.5l2-6 1.2 1.5h2.3" />)
export const SessionsIcon = icon(<><rect x="2" y="3" width="12" height="4" rx="1" /><rect x="2" y="9" width="12" height="4" rx="1" /><path d="M4.5 5h.01M4.5 11h.01" /></>)
export const MessagesIcon = icon(<path d="M2 4h12M2 8h12M2 12h7" />)
export const SharesIcon = icon(<><path d="M8 1.8 13.5 5v6L8 14.2 2.5 11V5z" /><path d="m5.8 8 1.6 1.6 2.9-3" /></>)
export const WorkersIcon = icon(<><rect x="4" y="4" width="8" height="8" rx="1" /><path d="M6 1.5V4m4-2.5V4M6 12v2.5m4-2.5v2.5M1.5 6H4m-2.5 4H4m8-4h2.5M12 10h2.5" /></>)
export const JobsIcon = icon(<><path d="M4 2h5l3 3v9H4z" /><path d="M9 2v3h3M6 8.5h4M6 11h4" /></>)
export const AlertsIcon = icon(<><path d="M8 2.2c-2.4 0-4 1.7-4 4.2v2.4L2.7 11h10.6L12 8.8V6.4c0-2.5-1.6-4.2-4-4.2Z" /><path d="M6.6 13.3c.3.5.8.7 1.4.7s1.1-.2 1.4-.7" /></>)
export const AgentsIcon = icon(<><circle cx="8" cy="8" r="2" /><path d="M4.6 4.6a4.8 4.8 0 0 0 0 6.8m6.8-6.8a4.8 4.8 0 0 1 0 6.8M2.6 2.6a7.6 7.6 0 0 0 0 10.8M13.4 2.6a7.6 7.6 0 0 1 0 10.8" /></>)
export const SettingsIcon = icon(<><path d="M2 4.5h7m3 0h2M2 11.5h2m3 0h7" /><circle cx="10.5" cy="4.5" r="1.5" /><circle cx="5.5" cy="11.5" r="1.5" /></>)
export const DocsIcon = icon(<path d="M8 3.8C6.7 2.8 4.800 2.500 2 2.500v9.800c2.800 0 4.700.4 6 1.400 1.300-1 3.200-1.400 6-1.400V2.500c-2.800 0-4.700.3-6 1.300Zm0 0v9.900" />)
export const MoonIcon = icon(<path d="M13.500 9.800A6 6 0 0 1 6.200 2.500a6 6 0 1 0 7.300 7.300Z" />)
export const SunIcon = icon(<><circle cx="8" cy="8" r="2.800" /><path d="M8 1.500v1.300m0 10.400v1.300M1.500 8h1.300m10.400 0h1.300M3.400 3.400l.9.9m7.400 7.400.9.9m0-9.200-.9.9m-7.400 7.400-.9.900" /></>)
export const MenuIcon = icon(<path d="M2 4.500h12M2 8h12M2 11.500h12" />)
export const ToPoolIcon = icon(<path d="M3 8h9.500M9 4.500 12.500 8 9 11.500" />)
export const ToMinerIcon = icon(<path d="M13 8H3.500M7 4.500 3.500 8 7 11.500" />)
export const ReplayIcon = icon(<><path d="M13 8a5 5 0 1 1-1.700-3.800" /><path d="M13.200 2v2.600h-2.600" /></>)
export const SearchIcon = icon(<><circle cx="7" cy="7" r="4.500" /><path d="m10.500 10.500 3.300 3.300" /></>)
export const ChevronIcon = icon(<path d="m4.500 6.200 3.500 3.600 3.500-3.600" />)
