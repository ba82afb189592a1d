export interface OrdinaryUser {
  node: string;
  home: string;
  options: { uid: number; gid: number; env: Record<string, string> };
  remove(): void;
}
export function ordinaryUser(): OrdinaryUser;
export function readableCheckout(user: OrdinaryUser): string;
