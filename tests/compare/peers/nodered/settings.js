// As Node-RED's docs recommend for what must survive: context on disk, uncached, so that set's callback comes after the
// write.
module.exports = {
  uiHost: "127.0.0.1", uiPort: Number(process.env.PORT), flowFile: "flows.json", credentialSecret: "x",
  telemetry: { enabled: false, updateNotification: false }, logging: { console: { level: "warn" } },
  editorTheme: { tours: false, projects: { enabled: false } }, functionExternalModules: false,
  contextStorage: {
    default: { module: "localfilesystem", config: { cache: false } }, memory: { module: "memory" },
  },
};
