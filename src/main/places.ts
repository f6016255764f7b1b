/** Where a router has what is wanhook's. */
export const CONFIG_DIRECTORY = '/etc/wanhook';
export const SCRIPT_DIRECTORY = `${CONFIG_DIRECTORY}/events.d`;
export const STATE_DIRECTORY = '/run/wanhook';
export const LIBRARY_DIRECTORY = '/var/lib/wanhook';

export const PLACES = {
  stateDirectory: STATE_DIRECTORY,
  configDirectory: CONFIG_DIRECTORY,
  libraryDirectory: LIBRARY_DIRECTORY,
};
