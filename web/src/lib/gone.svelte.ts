/** Projects that are deleted as soon as nobody wants them back. */
export const gone = $state<{ projects: string[] }>({ projects: [] });

export const hide = (id: string): void => void gone.projects.push(id);
export const show = (id: string): void => void (gone.projects = gone.projects.filter((one) => one !== id));
