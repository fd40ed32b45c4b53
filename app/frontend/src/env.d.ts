interface ViteTypeOptions {
  strictImportMetaEnv: unknown;
}

interface ImportMetaEnv {
  readonly VITE_API_URL: string;
  readonly VITE_APP_TITLE: string;
  /** The tag of the image that this page is in; empty where it is in none. */
  readonly VITE_RELEASE: string;
}
